//! The jira provider.
