package tdaflink.beam;

import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.java.typeutils.RowTypeInfo;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.functions.python.DataStreamPythonFunctionInfo;
import org.apache.flink.streaming.api.operators.python.process.AbstractExternalDataStreamPythonFunctionOperator;
import org.apache.flink.streaming.api.operators.python.process.ExternalPythonKeyedProcessOperator;

/**
 * A keyed Python operator whose checkpoints hold all timers that were set before them.
 *
 * <p>What Python sets comes through the mailbox of the task. A checkpoint ends its bundle and does not look
 * there: after a restore, the timers of the last bundle are missing for good.
 */
public final class KeyedOperator<OUT> extends ExternalPythonKeyedProcessOperator<OUT> {
    private static final long serialVersionUID = 1L;

    public KeyedOperator(
            Configuration config,
            DataStreamPythonFunctionInfo function,
            RowTypeInfo input,
            TypeInformation<OUT> output) {
        super(config, function, input, output);
    }

    /** The same operator as one that PyFlink has made. */
    public static <T> KeyedOperator<T> of(ExternalPythonKeyedProcessOperator<T> made) {
        return new KeyedOperator<>(
                made.getConfiguration(),
                made.getPythonFunctionInfo(),
                (RowTypeInfo) made.getInputTypeInfo(),
                made.getProducedType());
    }

    @Override
    public void prepareSnapshotPreBarrier(long checkpointId) throws Exception {
        super.prepareSnapshotPreBarrier(checkpointId);
        drainUnregisteredTimers();
    }

    @Override
    public <T> AbstractExternalDataStreamPythonFunctionOperator<T> copy(
            DataStreamPythonFunctionInfo function, TypeInformation<T> output) {
        return new KeyedOperator<>(getConfiguration(), function, (RowTypeInfo) getInputTypeInfo(), output);
    }
}
