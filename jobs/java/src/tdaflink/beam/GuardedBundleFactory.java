package tdaflink.beam;

import org.apache.beam.runners.core.construction.graph.ExecutableStage;
import org.apache.beam.runners.fnexecution.control.BundleCheckpointHandler;
import org.apache.beam.runners.fnexecution.control.BundleFinalizationHandler;
import org.apache.beam.runners.fnexecution.control.BundleProgressHandler;
import org.apache.beam.runners.fnexecution.control.InstructionRequestHandler;
import org.apache.beam.runners.fnexecution.control.JobBundleFactory;
import org.apache.beam.runners.fnexecution.control.OutputReceiverFactory;
import org.apache.beam.runners.fnexecution.control.ProcessBundleDescriptors.ExecutableProcessBundleDescriptor;
import org.apache.beam.runners.fnexecution.control.RemoteBundle;
import org.apache.beam.runners.fnexecution.control.StageBundleFactory;
import org.apache.beam.runners.fnexecution.control.TimerReceiverFactory;
import org.apache.beam.runners.fnexecution.state.StateRequestHandler;

/** A bundle factory whose servers listen on loopback and whose bundles never use disposed state. */
public final class GuardedBundleFactory implements JobBundleFactory {
    private final JobBundleFactory guarded;

    /** Wraps a factory that has not made a stage yet. */
    public GuardedBundleFactory(JobBundleFactory guarded) {
        LoopbackServers.setUp(guarded);
        this.guarded = guarded;
    }

    @Override
    public StageBundleFactory forStage(ExecutableStage stage) {
        return new GuardedStage(guarded.forStage(stage));
    }

    @Override
    public void close() throws Exception {
        guarded.close();
    }

    private static final class GuardedStage implements StageBundleFactory {
        private final StageBundleFactory stage;
        private StateRequestHandler unguarded;
        private StateRequestHandler guardedState;

        GuardedStage(StageBundleFactory stage) {
            this.stage = stage;
        }

        @Override
        public RemoteBundle getBundle(
                OutputReceiverFactory outputs,
                TimerReceiverFactory timers,
                StateRequestHandler state,
                BundleProgressHandler progress,
                BundleFinalizationHandler finalization,
                BundleCheckpointHandler checkpoint)
                throws Exception {
            if (guardedState == null || unguarded != state) {
                unguarded = state;
                guardedState = GuardedState.of(state);
            }
            return stage.getBundle(outputs, timers, guardedState, progress, finalization, checkpoint);
        }

        @Override
        public ExecutableProcessBundleDescriptor getProcessBundleDescriptor() {
            return stage.getProcessBundleDescriptor();
        }

        @Override
        public InstructionRequestHandler getInstructionRequestHandler() {
            return stage.getInstructionRequestHandler();
        }

        @Override
        public void close() throws Exception {
            stage.close();
        }
    }
}
