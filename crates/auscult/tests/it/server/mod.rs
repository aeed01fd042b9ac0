//! `auscult serve` as its users see it: a process, asked over TLS, on SQLite and on PostgreSQL.

mod access;
mod browser;
mod builds;
mod check_in;
mod devices;
mod fault;
mod inventory;
mod monitoring;
mod pages;
mod provider;
mod push;
mod reach;
mod sign_in;
mod start;
mod station;
mod support;
mod worklist;
