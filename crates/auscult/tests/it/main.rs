//! The program as a user runs it: arguments in, exit code, standard output and files out.

mod bad_input;
mod support;
mod walls;
