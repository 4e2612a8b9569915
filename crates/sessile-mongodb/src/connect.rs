//! From a URL to a collection with its indexes.

use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::options::{
    Acknowledgment, ClientOptions, IndexOptions, ReadConcern, ReadPreference, SelectionCriteria,
    WriteConcern,
};
use mongodb::{Client, Collection, IndexModel};
use sessile_core::StoreError;
use sessile_core::store::Layout;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::calls::Calls;
use crate::options::{LONGEST_WAIT, checked_name};
use crate::{ConnectError, Options, fault, flask_session, native};

/// Unless the URL says `maxPoolSize`.
const CONNECTIONS: u32 = 32;

/// The driver takes no shorter one, and ten seconds are its own.
const HEARTBEAT_MIN: Duration = Duration::from_millis(500);
const HEARTBEAT_MAX: Duration = Duration::from_secs(10);

pub(crate) async fn connect(url: &str, options: Options) -> Result<Calls, ConnectError> {
    if options.layout == Layout::Django {
        return Err(ConnectError::Layout(Layout::Django));
    }
    checked_name(&options.collection, "collection")?;
    let options = Options { timeout: options.timeout.min(LONGEST_WAIT), ..options };
    let client_options = client_options(url, options.timeout).await?;
    let connections = client_options.max_pool_size.unwrap_or(CONNECTIONS);
    let default = match options.layout {
        Layout::FlaskSession => "flask_session",
        Layout::Native | Layout::Django => "sessile",
    };
    let database = options.database.as_deref().or(client_options.default_database.as_deref());
    let database = checked_name(database.unwrap_or(default), "database")?.to_owned();
    let refused = |_| ConnectError::Url("its options contradict each other");
    let client = Client::with_options(client_options).map_err(refused)?;
    let calls = Calls {
        collection: client.database(&database).collection(&options.collection),
        timeout: options.timeout,
        waiting: permits(options.waiting),
        connections: permits(usize::try_from(connections).unwrap_or(usize::MAX)),
    };
    // Whether or not there is an index to make, it is known now that the server answers.
    let database = client.database(&database);
    let ping = timeout(options.timeout, database.run_command(doc! { "ping": 1 })).await;
    let failed = |error| ConnectError::Store(fault::from(&error));
    ping.map_err(|_| ConnectError::Store(fault::timeout()))?.map_err(failed)?;
    if options.create_indexes {
        create_indexes(&calls, options.layout).await.map_err(ConnectError::Store)?;
    }
    Ok(calls)
}

fn permits(number: usize) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(number.clamp(1, Semaphore::MAX_PERMITS)))
}

async fn client_options(url: &str, timeout: Duration) -> Result<ClientOptions, ConnectError> {
    match url.split_once("://") {
        Some(("mongodb", _)) => {}
        Some(("mongodb+srv", _)) if cfg!(feature = "srv") => {}
        Some(("mongodb+srv", _)) => {
            return Err(ConnectError::Url("mongodb+srv needs the feature `srv`"));
        }
        _ => return Err(ConnectError::Url("it begins with mongodb:// or mongodb+srv://")),
    }
    let parsed = ClientOptions::parse(url).await;
    let mut options = parsed.map_err(|_| {
        ConnectError::Url(
            "check hosts, ports and options, and that / : @ and % in name and password are \
             percent-encoded",
        )
    })?;
    options.app_name.get_or_insert_with(|| "sessile".into());
    for wait in [&mut options.server_selection_timeout, &mut options.connect_timeout] {
        *wait = Some(wait.unwrap_or(timeout).min(LONGEST_WAIT));
    }
    // A server that stands still is found out by this.
    options.heartbeat_freq.get_or_insert(timeout.clamp(HEARTBEAT_MIN, HEARTBEAT_MAX));
    let connections = *options.max_pool_size.get_or_insert(CONNECTIONS);
    // No call is to wait in the driver's own queue: see `Calls`.
    options.max_connecting.get_or_insert(connections.max(1));
    // What the URL says of these is the operator's own choice. Anything weaker
    // than these can bring an ended session back after a failover.
    options.write_concern.get_or_insert_with(|| {
        let durable = WriteConcern::builder().w(Acknowledgment::Majority).journal(true);
        durable.w_timeout(timeout).build()
    });
    options.read_concern.get_or_insert_with(ReadConcern::majority);
    options
        .selection_criteria
        .get_or_insert(SelectionCriteria::ReadPreference(ReadPreference::Primary));
    Ok(options)
}

/// CommandNotSupported and NotImplemented: FerretDB 1 has no TTL indexes.
const NOT_SUPPORTED: [i32; 2] = [115, 238];

/// IndexOptionsConflict and IndexKeySpecsConflict: somebody made another one.
const CONFLICT: [i32; 2] = [85, 86];

async fn create_indexes(calls: &Calls, layout: Layout) -> Result<(), StoreError> {
    let (wanted, sparse) = match layout {
        Layout::FlaskSession => (flask_session::INDEXES, false),
        Layout::Native | Layout::Django => (native::INDEXES, true),
    };
    let finding = index(wanted.find.0, sparse);
    create_index(&calls.collection, calls.timeout, finding).await?;
    for (field, slack) in wanted.forget {
        create_index(&calls.collection, calls.timeout, forget_by(field, *slack)).await?;
    }
    Ok(())
}

/// The document goes so long after the time in this field; at once, as Flask-Session makes it.
fn forget_by(field: &str, slack: Duration) -> IndexModel {
    let options = IndexOptions::builder().expire_after(slack).build();
    IndexModel::builder().keys(ascending(field)).options(options).build()
}

fn index(field: &str, sparse: bool) -> IndexModel {
    let options = IndexOptions::builder().sparse(sparse.then_some(true)).build();
    IndexModel::builder().keys(ascending(field)).options(options).build()
}

fn ascending(field: &str) -> Document {
    let mut keys = Document::new();
    keys.insert(field, 1);
    keys
}

/// Any number of processes may make one at once.
async fn create_index(
    collection: &Collection<RawDocumentBuf>,
    within: Duration,
    index: IndexModel,
) -> Result<(), StoreError> {
    let keys = index.keys.keys().next().cloned().unwrap_or_default();
    let created = timeout(within, collection.create_index(index)).await;
    match created.map_err(|_| fault::timeout())? {
        Ok(_) => Ok(()),
        Err(error) => match fault::code(&error) {
            Some(code) if NOT_SUPPORTED.contains(&code) => {
                tracing::warn!(field = keys, "the server forgets no sessions by itself; sweep");
                Ok(())
            }
            Some(code) if CONFLICT.contains(&code) => {
                tracing::warn!(field = keys, "another index is there; it is left as it is");
                Ok(())
            }
            _ => Err(fault::from(&error)),
        },
    }
}
