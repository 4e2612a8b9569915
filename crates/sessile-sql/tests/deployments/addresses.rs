//! Other software's addresses: each parameter is translated, or refused by its name.

use sessile_core::store::Layout;
use sessile_sql::{ConnectError, Options, SqlStore};

use crate::{mariadb, options, postgres, serves};

/// The parameters in the first column of the page's tables under a heading, each with whether it
/// is taken.
const PAGE: &str = include_str!("../../../../docs/addresses.md");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d09_an_applications_own_address_is_taken() {
    let (of_postgres, of_mariadb) = (postgres().url(), mariadb().url());
    let postgres_urls = [
        "postgresql+psycopg2:",
        "postgresql+psycopg:",
        "postgresql+asyncpg:",
        "postgresql:",
        "postgres:",
    ]
    .map(|scheme| of_postgres.replace("postgres:", scheme));
    let mysql_urls = ["mysql+pymysql:", "mysql+mysqldb:", "mysql+asyncmy:", "mariadb:"]
        .map(|scheme| of_mariadb.replace("mysql:", scheme));
    for url in postgres_urls {
        let store = SqlStore::connect(&url, options(Layout::Native)).await.unwrap();
        serves(&store, Layout::Native).await;
    }
    for url in mysql_urls {
        let url = format!("{url}?charset=utf8mb4&autocommit=true");
        let store = SqlStore::connect(&url, options(Layout::Native)).await.unwrap();
        serves(&store, Layout::Native).await;
    }
}

/// Every row of the page: what it says is taken is taken, and what it says is refused is named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d09_every_parameter_of_the_page_is_taken_or_refused_by_its_name() {
    let options = options(Layout::Native);
    let mut rows = 0;
    for (heading, url) in [("PostgreSQL", postgres().url()), ("MySQL and MariaDB", mariadb().url())]
    {
        let (_, part) = PAGE.split_once(&format!("\n## {heading}\n")).unwrap();
        let part = part.split("\n## ").next().unwrap();
        for line in part.lines().filter(|line| line.starts_with("| `")) {
            let mut cells = line.trim_matches('|').split('|').map(str::trim);
            let (examples, outcome) = (cells.next().unwrap(), cells.next().unwrap());
            for example in examples.split('`').skip(1).step_by(2) {
                rows += 1;
                let name = example.split('=').next().unwrap();
                let example = example.replace("SERVERS-PORT", &url_port(&url));
                let opened = SqlStore::connect(&format!("{url}?{example}"), options.clone()).await;
                match opened {
                    Ok(_) => assert!(outcome != "refused", "{example} was taken"),
                    Err(ConnectError::Parameter { name: refused, .. }) => {
                        assert_eq!((outcome, refused.as_str()), ("refused", name), "{example}");
                    }
                    // It needs what this server has not; that it was understood is enough.
                    Err(other) => assert!(outcome != "refused", "{example}: {other}"),
                }
            }
        }
    }
    assert!(rows > 90, "{rows} rows were found");
    println!("D09 {rows} parameters of the page");
}

fn url_port(url: &str) -> String {
    url.rsplit(':').next().unwrap().split('/').next().unwrap().to_owned()
}

/// No part of a password is in an error, wherever it was cut.
#[tokio::test]
async fn d09_a_wrong_address_tells_no_secret() {
    for url in [
        "postgres://u:hunter2?x@host/db",
        "postgres://u:hun?ter2=hunter2@host/db",
        "postgres://u@host/db?password=hunter2&hunter2",
        "postgres://u@host/db?hunter2%20=hunter2",
        "postgres://u:%ff@host:hunter2/db",
        "mysql://u:p@host/db?passwort=hunter2",
        "mysql://u:p@host,other/db?password=hunter2",
        "mysql://u:p@host/db?wait_timeout=hunter2",
    ] {
        let Err(error) = SqlStore::connect(url, Options::default()).await else {
            panic!("{url} was opened")
        };
        let said = format!("{error} {error:?}");
        // The name of a parameter is none of its value.
        let is_name = url.ends_with("&hunter2");
        assert!(is_name || !said.contains("hunter2"), "{url}: {said}");
    }
}
