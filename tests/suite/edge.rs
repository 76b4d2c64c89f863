//! Where tokens are used: Git's helper, a program's JSON, a child's environment; the real binary between a real server and the program.

mod exchange;
mod exec;
mod git;
mod mcp;
mod narrowing;
mod process;
mod session;
mod sidecar;
