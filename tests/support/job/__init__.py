"""Samples and models for tests of the job."""
