//! `cargo xtask tidy`: the house rules that no compiler checks.

mod dependencies;
mod secrecy;
mod source;

use anyhow::bail;

/// One broken rule: the file and line, and what is wrong.
pub(crate) type Complaint = String;

pub(crate) fn run(_: &[String]) -> anyhow::Result<()> {
    let mut complaints = dependencies::check()?;
    complaints.extend(source::check()?);
    complaints.extend(secrecy::check()?);
    for complaint in &complaints {
        eprintln!("tidy: {complaint}");
    }
    if !complaints.is_empty() {
        bail!("{} house rules broken", complaints.len());
    }
    println!("tidy: all house rules hold");
    Ok(())
}
