package tdaflink.beam;

import java.lang.reflect.Field;
import java.util.concurrent.CompletionStage;
import org.apache.beam.model.fnexecution.v1.BeamFnApi.ProcessBundleRequest.CacheToken;
import org.apache.beam.model.fnexecution.v1.BeamFnApi.StateRequest;
import org.apache.beam.model.fnexecution.v1.BeamFnApi.StateResponse;
import org.apache.beam.runners.fnexecution.state.StateRequestHandler;
import org.apache.flink.util.ResourceGuard;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers the worker's state requests while the state backend exists.
 *
 * <p>The worker of a slot goes on with a bundle while Flink cancels the bundle's task, and its requests are
 * answered by threads of a server. RocksDB that is disposed under such a request aborts the whole process. Its
 * state backend has a guard that delays the disposal while somebody holds a lease, as its own snapshots do:
 * each request takes one. After the disposal a request is refused, which ends the worker's bundle.
 */
final class GuardedState implements StateRequestHandler {
    private static final Logger LOG = LoggerFactory.getLogger(GuardedState.class);

    private final StateRequestHandler handler;
    private final ResourceGuard guard;

    private GuardedState(StateRequestHandler handler, ResourceGuard guard) {
        this.handler = handler;
        this.guard = guard;
    }

    /** The guarded handler, or the handler itself where its state backend has no guard, being on the heap. */
    static StateRequestHandler of(StateRequestHandler handler) {
        try {
            Object store = value(handler, "keyedStateStore");
            Object backend = store == null ? null : value(store, "keyedStateBackend");
            ResourceGuard guard = backend == null ? null : guardOf(backend);
            return guard == null ? handler : new GuardedState(handler, guard);
        } catch (ReflectiveOperationException | RuntimeException e) {
            LOG.warn("State requests are not guarded against the disposal of their state backend", e);
            return handler;
        }
    }

    @Override
    public CompletionStage<StateResponse.Builder> handle(StateRequest request) throws Exception {
        try (ResourceGuard.Lease ignored = guard.acquireResource()) {
            return handler.handle(request);
        }
    }

    @Override
    public Iterable<CacheToken> getCacheTokens() {
        return handler.getCacheTokens();
    }

    private static ResourceGuard guardOf(Object backend) throws IllegalAccessException {
        for (Class<?> type = backend.getClass(); type != null; type = type.getSuperclass()) {
            for (Field field : type.getDeclaredFields()) {
                if (field.getType() == ResourceGuard.class) {
                    field.setAccessible(true);
                    return (ResourceGuard) field.get(backend);
                }
            }
        }
        Object inner = value(backend, "keyedStateBackend");
        return inner == null ? null : guardOf(inner);
    }

    /** The value of a field, null where the object has none of that name. */
    private static Object value(Object object, String name) throws IllegalAccessException {
        for (Class<?> type = object.getClass(); type != null; type = type.getSuperclass()) {
            for (Field field : type.getDeclaredFields()) {
                if (field.getName().equals(name)) {
                    field.setAccessible(true);
                    return field.get(object);
                }
            }
        }
        return null;
    }
}
