package tdaflink.beam;

import java.io.IOException;
import java.lang.reflect.Field;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.beam.model.pipeline.v1.Endpoints.ApiServiceDescriptor;
import org.apache.beam.runners.fnexecution.artifact.ArtifactRetrievalService;
import org.apache.beam.runners.fnexecution.control.ControlClientPool;
import org.apache.beam.runners.fnexecution.control.DefaultJobBundleFactory;
import org.apache.beam.runners.fnexecution.control.FnApiControlClientPoolService;
import org.apache.beam.runners.fnexecution.control.JobBundleFactory;
import org.apache.beam.runners.fnexecution.environment.EnvironmentFactory;
import org.apache.beam.runners.fnexecution.logging.GrpcLoggingService;
import org.apache.beam.runners.fnexecution.provisioning.StaticGrpcProvisionService;
import org.apache.beam.sdk.fn.IdGenerator;
import org.apache.beam.sdk.fn.server.GrpcContextHeaderAccessorProvider;
import org.apache.beam.sdk.fn.server.GrpcFnServer;
import org.apache.beam.sdk.fn.server.ServerFactory;
import org.apache.beam.vendor.grpc.v1p60p1.io.grpc.BindableService;
import org.apache.beam.vendor.grpc.v1p60p1.io.grpc.Server;
import org.apache.beam.vendor.grpc.v1p60p1.io.grpc.ServerInterceptors;
import org.apache.beam.vendor.grpc.v1p60p1.io.grpc.netty.NettyServerBuilder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Servers for workers on the same machine.
 *
 * <p>Beam's own default names the loopback address to the worker but listens on all of them; none of its six
 * servers asks who calls.
 */
final class LoopbackServers extends ServerFactory {
    private static final Logger LOG = LoggerFactory.getLogger(LoopbackServers.class);
    private static final long WORKER_KEEP_ALIVE_SECONDS = 19; // a worker pings every 20 s

    /** Makes a factory use these servers; it is logged where that cannot be done. */
    static void setUp(JobBundleFactory factory) {
        if (!(factory instanceof DefaultJobBundleFactory)) {
            return;
        }
        try {
            Field field = DefaultJobBundleFactory.class.getDeclaredField("environmentFactoryProviderMap");
            field.setAccessible(true);
            Map<String, EnvironmentFactory.Provider> providers = new HashMap<>();
            ((Map<?, ?>) field.get(factory)).forEach(
                    (urn, provider) ->
                            providers.put((String) urn, new OnLoopback((EnvironmentFactory.Provider) provider)));
            field.set(factory, providers);
        } catch (ReflectiveOperationException | RuntimeException e) {
            LOG.warn("The servers of Python workers listen on all addresses of this machine", e);
        }
    }

    @Override
    public Server allocateAddressAndCreate(List<BindableService> services, ApiServiceDescriptor.Builder descriptor)
            throws IOException {
        Server server = start(services, new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
        descriptor.setUrl("localhost:" + server.getPort());
        return server;
    }

    @Override
    public Server create(List<BindableService> services, ApiServiceDescriptor descriptor) throws IOException {
        int port = Integer.parseInt(descriptor.getUrl().substring(descriptor.getUrl().lastIndexOf(':') + 1));
        return start(services, new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
    }

    private static Server start(List<BindableService> services, InetSocketAddress address) throws IOException {
        NettyServerBuilder builder =
                NettyServerBuilder.forAddress(address)
                        .maxInboundMessageSize(Integer.MAX_VALUE)
                        .permitKeepAliveTime(WORKER_KEEP_ALIVE_SECONDS, TimeUnit.SECONDS);
        for (BindableService service : services) {
            builder.addService(
                    ServerInterceptors.intercept(service, GrpcContextHeaderAccessorProvider.interceptor()));
        }
        return builder.build().start();
    }

    private static final class OnLoopback implements EnvironmentFactory.Provider {
        private final EnvironmentFactory.Provider provider;

        OnLoopback(EnvironmentFactory.Provider provider) {
            this.provider = provider;
        }

        @Override
        public EnvironmentFactory createEnvironmentFactory(
                GrpcFnServer<FnApiControlClientPoolService> control,
                GrpcFnServer<GrpcLoggingService> logging,
                GrpcFnServer<ArtifactRetrievalService> retrieval,
                GrpcFnServer<StaticGrpcProvisionService> provisioning,
                ControlClientPool clients,
                IdGenerator ids) {
            return provider.createEnvironmentFactory(control, logging, retrieval, provisioning, clients, ids);
        }

        @Override
        public ServerFactory getServerFactory() {
            return new LoopbackServers();
        }
    }
}
