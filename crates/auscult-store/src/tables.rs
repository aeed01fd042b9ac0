//! Every table with its columns, for what goes over all of them: backup and restore.
//!
//! A test compares this list with the schema, so that nothing new is left out of a backup.

use crate::{Result, database::Row, value::Value};

/// What a column holds.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Int,
    Text,
    Bytes,
}

/// A table.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    columns: &'static [(&'static str, Kind)],
}

/// A table with the columns that one database has of it.
pub(crate) struct Copying {
    name: &'static str,
    columns: Vec<(&'static str, Kind)>,
}

impl Table {
    /// Chooses the columns that are there; a backup of an older program has fewer.
    pub(crate) fn with(&self, found: &[String]) -> Option<Copying> {
        let columns = self.columns.iter().copied();
        let is_there = |(name, _): &(&str, Kind)| found.iter().any(|found| found == name);
        let columns: Vec<_> = columns.filter(is_there).collect();
        (!columns.is_empty()).then_some(Copying { name: self.name, columns })
    }

    /// All columns.
    pub(crate) fn whole(&self) -> Copying {
        Copying { name: self.name, columns: self.columns.to_vec() }
    }

    #[cfg(test)]
    pub(crate) fn column_names(&self) -> Vec<&'static str> {
        self.columns.iter().map(|(name, _)| *name).collect()
    }
}

impl Copying {
    fn names(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }

    /// Made of constants of this file alone.
    pub(crate) fn select(&self) -> String {
        format!("SELECT {} FROM {}", self.names(), self.name)
    }

    /// The beginning of a statement that inserts. Made of constants of this file alone.
    pub(crate) fn into(&self) -> String {
        format!("INSERT INTO {} ({})", self.name, self.names())
    }

    /// Whether a row may hold a mebibyte.
    pub(crate) fn has_bytes(&self) -> bool {
        self.columns.iter().any(|(_, kind)| matches!(kind, Kind::Bytes))
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// The values of a row of [`Copying::select`].
    pub(crate) fn values(&self, row: &Row) -> Result<Vec<Value>> {
        let value = |(name, kind): &(&str, Kind)| match kind {
            Kind::Int => row.int_or_null(name).map(Value::Int),
            Kind::Text => row.text_or_null(name).map(Value::Text),
            Kind::Bytes => row.bytes(name).map(|bytes| Value::Bytes(Some(bytes))),
        };
        self.columns.iter().map(value).collect()
    }
}

macro_rules! table {
    ($name:literal: $($column:ident $kind:ident),+) => {
        Table { name: $name, columns: &[$((stringify!($column), Kind::$kind)),+] }
    };
}

/// In an order in which each names only those before it.
pub(crate) const TABLES: &[Table] = &[
    table!("organisation": id Text, name Text, created_at Int, build_sequence Int),
    table!("upload": organisation Text, content Text, started_at Int),
    table!("blob": organisation Text, sha256 Text, content Text, size Int, chunk_size Int,
        created_at Int),
    table!("blob_chunk": organisation Text, content Text, number Int, sha256 Text, bytes Bytes),
    table!("product": organisation Text, id Text, name Text, vendor Text, model Text, udi_di Text,
        created_at Int),
    table!("build": organisation Text, id Text, product Text, label Text, kind Text, input Text,
        state Text, facts Text, reason Text, created_at Int, changed_at Int, sequence Int),
    table!("job": organisation Text, id Text, kind Text, name Text, priority Int, payload Text,
        build Text, state Text, due_at Int, attempts Int, attempts_max Int, fence Int, worker Text,
        progress_done Int, progress_total Int, progress_note Text, error Text, created_at Int,
        finished_at Int),
    table!("decision": organisation Text, product Text, vulnerability Text, component Text,
        revision Int, body Text, actor Text, recorded_at Int),
    table!("advisory_snapshot": organisation Text, root Text, dated Text, blob Text, loaded_at Int),
    table!("audit_head": organisation Text, sequence Int, digest Text),
    table!("audit": organisation Text, sequence Int, at Int, actor Text, action Text, object Text,
        detail Text, previous Text, digest Text),
    table!("account": organisation Text, id Text, name Text, display_name Text, password_hash Text,
        roles Text, disabled Int, created_at Int, changed_at Int, source Text, subject Text),
    table!("account_site": organisation Text, account Text, site Text),
    table!("account_product": organisation Text, account Text, product Text),
    table!("session": organisation Text, token_sha256 Text, account Text, created_at Int,
        used_at Int, expires_at Int),
    table!("api_key": organisation Text, id Text, name Text, account Text, secret_sha256 Text,
        scopes Text, created_at Int, expires_at Int, revoked_at Int, used_at Int),
    table!("attempt": organisation Text, subject Text, failures Int, failed_at Int,
        blocked_until Int),
    table!("setup_link": organisation Text, token_sha256 Text, expires_at Int),
    table!("setup": organisation Text, done_at Int),
    table!("device": organisation Text, id Text, sorted_by Text, manufacturer Text, model Text,
        site Text, department Text, status Text, next_maintenance Text, end_of_support Text,
        body Text, build Text, build_basis Text, build_why Text, custody Text, revision Int,
        created_at Int, changed_at Int, searched Text, system Text),
    table!("device_count": organisation Text, build Text, site Text, department Text, devices Int),
    table!("device_identity": organisation Text, identity Text, device Text),
    table!("device_event": organisation Text, device Text, revision Int, at Int, actor Text,
        action Text, detail Text),
    table!("import_mapping": organisation Text, name Text, body Text, changed_at Int),
    table!("build_reference": organisation Text, build Text, manifest Text, actor Text,
        added_at Int),
    table!("trusted_key": organisation Text, id Text, purpose Text, name Text, pem Text,
        actor Text, added_at Int, revoked_at Int),
    table!("challenge": organisation Text, nonce Text, device Text, body Text, actor Text,
        issued_at Int, used_at Int),
    table!("verification": organisation Text, device Text, revision Int, outcome Text, build Text,
        evidence Text, verdict Text, actor Text, at Int),
    table!("waiver": organisation Text, device Text, revision Int, approver Text, reason Text,
        until Text),
    table!("record_key": organisation Text, pem Text),
    table!("told": organisation Text, build Text, digest Text, body Bytes),
    table!("event": organisation Text, id Text, build Text, at Int, body Text),
    table!("notification_rule": organisation Text, id Text, name Text, body Text, revision Int,
        changed_at Int),
    table!("pending": organisation Text, rule Text, event Text),
    table!("mail_server": organisation Text, body Text, changed_at Int),
    table!("sign_in_setting": organisation Text, body Text, changed_at Int),
    table!("sign_in_step": organisation Text, token_sha256 Text, body Text, expires_at Int),
    table!("second_factor": organisation Text, account Text, secret Bytes, confirmed_at Int,
        last_step Int),
    table!("recovery_code": organisation Text, account Text, code_sha256 Text),
];

#[cfg(test)]
mod tests {
    use super::TABLES;
    use crate::{Store, value::values};

    #[test]
    fn every_table_and_column_of_the_schema_is_listed() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let url = format!("sqlite:{}", folder.path().join("fleet.db").display());
            let store = Store::open(&url).await.unwrap();
            let select = "SELECT tables.name AS name, columns.name AS column_name
                FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns
                WHERE tables.type = 'table' AND tables.name <> 'auscult_schema'
                ORDER BY tables.name, columns.cid";
            let rows = store.database.rows("list the columns", select, values![]).await.unwrap();
            let name = |row: &crate::database::Row| {
                (row.text("name").unwrap(), row.text("column_name").unwrap())
            };
            let schema: Vec<_> = rows.iter().map(name).collect();
            let mut tables: Vec<_> = TABLES.iter().collect();
            tables.sort_unstable_by_key(|table| table.name);
            let of_table = |table: &&super::Table| {
                let name = table.name.to_owned();
                table.column_names().into_iter().map(move |one| (name.clone(), one.to_owned()))
            };
            let listed: Vec<_> = tables.iter().flat_map(of_table).collect();
            assert_eq!(listed, schema);
            store.close().await;
        });
    }
}
