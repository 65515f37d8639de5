package org.apache.flink.streaming.api.runners.python.beam;

import java.util.ArrayList;
import java.util.List;
import org.apache.beam.model.pipeline.v1.RunnerApi;
import org.apache.beam.runners.fnexecution.control.JobBundleFactory;
import org.apache.flink.python.env.PythonEnvironmentManager;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tdaflink.beam.GuardedBundleFactory;

/**
 * What the Python operators of a slot share: the worker process and its servers.
 *
 * <p>Takes the place of PyFlink's class of that name, whose {@code close} lets exceptions through. Flink 2.2
 * regards any exception that a cancelled task's cleanup throws as fatal and ends the TaskManager with all its
 * jobs. Here they are logged. The bundle factory is the guarded one.
 */
public final class PythonSharedResources implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(PythonSharedResources.class);

    private final JobBundleFactory jobBundleFactory;
    private final RunnerApi.Environment environment;
    private final List<PythonEnvironmentManager> environmentManagers = new ArrayList<>();

    PythonSharedResources(JobBundleFactory jobBundleFactory, RunnerApi.Environment environment) {
        this.jobBundleFactory = new GuardedBundleFactory(jobBundleFactory);
        this.environment = environment;
    }

    JobBundleFactory getJobBundleFactory() {
        return jobBundleFactory;
    }

    RunnerApi.Environment getEnvironment() {
        return environment;
    }

    synchronized void addPythonEnvironmentManager(PythonEnvironmentManager environmentManager) {
        environmentManagers.add(environmentManager);
    }

    @Override
    public synchronized void close() {
        closeLogged(jobBundleFactory);
        for (PythonEnvironmentManager environmentManager : environmentManagers) {
            closeLogged(environmentManager);
        }
    }

    private static void closeLogged(AutoCloseable resource) {
        try {
            resource.close();
        } catch (Exception e) {
            LOG.warn("Could not close {}; the task's cleanup continues", resource.getClass().getName(), e);
        }
    }
}
