//! HTTP: the AWS wire APIs and the operator's own.
