//! Databases for tests: a file of SQLite, and a real PostgreSQL that is started once for all tests.

use auscult_store::{Organisation, Product, Store};
pub(crate) use auscult_testkit::Postgres;
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
