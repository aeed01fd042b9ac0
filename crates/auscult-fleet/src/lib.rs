//! Inventories of devices, as maintenance systems export them, to devices.
//!
//! [`Table::read`] takes a CSV or XLSX file; a [`Mapping`], which a person saves for the next time,
//! says which column is which field; [`read_devices`] makes a device of every row, or says by row
//! and column why it cannot; [`plan`] tells what an import would make and change. Nothing is stored
//! here, so that the same steps serve the dry run and the import.

mod export;
mod mapping;
mod plan;
mod rows;
mod table;

pub use export::{columns, row, written};
pub use mapping::{ColumnTarget, InvalidMapping, Mapping};
pub use plan::{Plan, PlannedUpdate, plan};
pub use rows::{Fault, Reading, RowDevice, read_devices};
pub use table::{Table, TableError, TableRow};
