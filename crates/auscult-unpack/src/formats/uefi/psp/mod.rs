//! AMD's Platform Security Processor in flash (as coreboot's `amdfwtool` and PSPTool describe it): directories
//! of its programs and of the BIOS', and the programs.

mod directory;
mod program;

pub(super) use directory::FORMAT as DIRECTORY;
pub(super) use program::FORMAT as PROGRAM;
