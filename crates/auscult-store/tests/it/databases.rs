//! Databases for tests: a file of SQLite, and a real PostgreSQL that is started once for all tests.
//!
//! Where no PostgreSQL is installed its half of each test is skipped, and says so; where `CI` is set
//! that is a failure.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use auscult_store::{Organisation, Product, Store};
use jiff::Timestamp;
use sqlx::Connection as _;

/// A database of one test.
pub(crate) struct TestDatabase {
    pub(crate) url: String,
    pub(crate) store: Store,
}

impl TestDatabase {
    pub(crate) async fn at(url: &str) -> Self {
        Self { url: url.to_owned(), store: Store::open(url).await.unwrap() }
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        self.url.starts_with("sqlite:")
    }

    /// Opens the database once more, as another process would.
    pub(crate) async fn again(&self) -> Store {
        Store::open(&self.url).await.unwrap()
    }

    pub(crate) async fn organisation(&self) -> Organisation {
        self.store.ensure_organisation("Maker", at(0)).await.unwrap()
    }

    pub(crate) async fn product(&self) -> (Organisation, Product) {
        let organisation = self.organisation().await;
        let new = auscult_store::NewProduct { name: "Pump".to_owned(), ..Default::default() };
        let product = self.store.create_product(organisation.id, &new, at(0)).await.unwrap();
        (organisation, product)
    }

    /// Runs a statement behind the store's back.
    pub(crate) async fn tamper(&self, sql: &'static str) -> u64 {
        if self.is_sqlite() {
            let path = self.url.strip_prefix("sqlite:").unwrap();
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
            let mut connection =
                sqlx::SqliteConnection::connect_with(&options.foreign_keys(false)).await.unwrap();
            let done = sqlx::query(sql).execute(&mut connection).await.unwrap().rows_affected();
            connection.close().await.unwrap();
            return done;
        }
        let mut connection = sqlx::PgConnection::connect(&self.url).await.unwrap();
        let done = sqlx::query(sql).execute(&mut connection).await.unwrap().rows_affected();
        connection.close().await.unwrap();
        done
    }
}

/// A time, in seconds after the tests' beginning of time.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_764_201_600 + seconds).unwrap()
}

/// Runs a test on each kind of database.
pub(crate) fn on_each(test: impl AsyncFn(TestDatabase)) {
    run(async {
        for (url, _folder) in new_urls() {
            println!("on {}", url.split(':').next().unwrap_or_default());
            let database = TestDatabase::at(&url).await;
            let store = database.store.clone();
            test(database).await;
            store.close().await;
        }
    });
}

/// Runs an asynchronous test.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).enable_all().build().unwrap().block_on(test)
}

/// Addresses of new, empty databases, one of each kind.
pub(crate) fn new_urls() -> Vec<(String, tempfile::TempDir)> {
    let folder = || tempfile::tempdir().unwrap();
    let sqlite = folder();
    let mut urls = vec![(format!("sqlite:{}", sqlite.path().join("fleet.db").display()), sqlite)];
    urls.extend(Postgres::get().map(|postgres| (postgres.new_database(), folder())));
    urls
}

/// A server that belongs to the tests.
pub(crate) struct Postgres {
    socket: PathBuf,
    databases: AtomicU32,
    /// While this is open the server runs; it ends with this process, however that ends.
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    _program: Child,
}

/// Starts a server, says where, kills and starts it again for each line of its input, and takes it
/// away when that ends.
const SERVER: &str = r#"
set -e
folder=$(mktemp -d "${TMPDIR:-/tmp}/auscult-store.XXXXXX")
trap 'rm -rf "$folder"' EXIT
"$1/initdb" -D "$folder/data" -A trust -U auscult -E UTF8 --locale=C.UTF-8 >"$folder/initdb.log"
"$1/pg_ctl" -D "$folder/data" -w -l "$folder/server.log" \
    -o "-k $folder -c listen_addresses= -c max_connections=200" start >"$folder/start.log" 2>&1
echo "$folder"
while read -r crash; do
    kill -9 "$(head -n 1 "$folder/data/postmaster.pid")"
    until "$1/pg_ctl" -D "$folder/data" -w -l "$folder/server.log" \
        -o "-k $folder -c listen_addresses= -c max_connections=200" start >"$folder/start.log" 2>&1
    do sleep 0.1; done
    echo "$crash"
done
"$1/pg_ctl" -D "$folder/data" -m immediate stop >"$folder/stop.log"
"#;

impl Postgres {
    fn get() -> Option<&'static Self> {
        static SERVER: OnceLock<Option<Postgres>> = OnceLock::new();
        SERVER.get_or_init(Self::start).as_ref()
    }

    /// Starts another server, for a test that does it harm.
    pub(crate) fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(std::env::var_os("CI").is_none(), "no PostgreSQL: install postgresql");
            eprintln!("\nSKIPPED on PostgreSQL: none is installed (Debian's package postgresql)\n");
            return None;
        };
        // PostgreSQL refuses to run as root, which tests in containers often do.
        let is_root = rustix::process::geteuid().is_root();
        let mut command = if is_root {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "sh"]);
            command
        } else {
            Command::new("sh")
        };
        command.args(["-c", SERVER, "sh"]).arg(programs).current_dir("/");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "PostgreSQL did not start");
        let input = child.stdin.take().unwrap();
        let socket = PathBuf::from(line.trim_end());
        Some(Self { socket, databases: AtomicU32::new(0), input, output, _program: child })
    }

    /// Kills the server as a power failure would, and waits until it is back.
    pub(crate) fn crash(&mut self) {
        self.input.write_all(b"back\n").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert_eq!(line, "back\n");
    }

    pub(crate) fn new_database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let socket = self.socket.display();
        let url = |name: &str| format!("postgres://auscult@localhost/{name}?host={socket}");
        let name = format!("test_{number}");
        let administration = url("postgres");
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        let creating = async move {
            let mut connection = sqlx::PgConnection::connect(&administration).await.unwrap();
            sqlx::query(create).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        };
        // Called from within a runtime, which cannot be waited for from its own thread.
        std::thread::spawn(move || run(creating)).join().unwrap();
        url(&name)
    }
}

/// The folder of the newest server, where Debian keeps it or on the path.
fn programs() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = debian.map(|entry| entry.path().join("bin")).collect();
    folders.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut all: Vec<PathBuf> = std::env::split_paths(&path).collect();
    all.extend(folders);
    all.into_iter().rev().find(|folder| folder.join("initdb").is_file())
}
