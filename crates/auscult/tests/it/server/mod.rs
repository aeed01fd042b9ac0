//! `auscult serve` as its users see it: a process, asked over TLS, on SQLite and on PostgreSQL.

mod access;
mod builds;
mod pages;
mod start;
mod support;
