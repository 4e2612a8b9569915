//! TLS by an authority of one's own, and by a certificate that nobody vouches for.

use sessile_core::store::Layout;
use sessile_sql::{Options, SqlStore};
use sessile_testbed::mariadb::MariaDb;
use sessile_testbed::postgres::Postgres;

use crate::{mariadb, options, postgres, serves};

async fn opens(url: &str, options: &Options) -> Result<(), String> {
    match SqlStore::connect(url, options.clone()).await {
        Ok(store) => {
            serves(&store, Layout::Native).await;
            Ok(())
        }
        Err(error) => Err(error.to_string()),
    }
}

fn authority_of(server: &Postgres) -> String {
    server.certificates().unwrap().authority.display().to_string()
}

/// As `psql` has it with the same address, on a server whose certificate no system knows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d08_sslmode_and_sslrootcert_mean_what_libpq_means_by_them() {
    let options = options(Layout::Native);
    let authority = authority_of(postgres());
    let url = postgres().url();
    let elsewhere = url.replace("127.0.0.1", "localhost.localdomain");
    let beside = "&hostaddr=127.0.0.1";
    let untrusted = "sslrootcert=FILE in the address or by SESSION_SQL_CA";
    let cases = [
        ("", true),
        ("sslmode=disable", true),
        ("sslmode=allow", true),
        ("sslmode=prefer", true),
        ("sslmode=require", true),
        ("ssl=true", true),
        ("sslmode=verify-ca&sslrootcert=FILE", true),
        ("sslmode=verify-full&sslrootcert=FILE", true),
        ("sslmode=require&sslrootcert=FILE", true),
        ("sslmode=require&ssl_min_protocol_version=TLSv1.3", true),
    ];
    for (parameters, wanted) in cases {
        let address = format!("{url}?{}", parameters.replace("FILE", &authority));
        assert_eq!(opens(&address, &options).await.is_ok(), wanted, "{parameters}");
        let psql = std::process::Command::new(sessile_testbed::find("psql").unwrap())
            .args(["-X", "-w", "-c", "SELECT 1", &address])
            .output()
            .unwrap();
        assert_eq!(psql.status.success(), wanted, "psql: {parameters}");
    }
    // For another name, which the chain alone does not mind.
    let for_name =
        |mode: &str| format!("{elsewhere}?sslmode={mode}&sslrootcert={authority}{beside}");
    opens(&for_name("verify-ca"), &options).await.unwrap();
    let said = opens(&for_name("verify-full"), &options).await.unwrap_err();
    assert!(said.contains("another host"), "{said}");
    // The system knows no such authority.
    for mode in ["verify-ca", "verify-full"] {
        let said = opens(&format!("{url}?sslmode={mode}"), &options).await.unwrap_err();
        assert!(said.contains(untrusted), "{mode}: {said}");
    }
    // By our own option: the whole check, whatever the address leaves out.
    let own = Options { root_certificates: Some(authority.into()), ..options.clone() };
    opens(&url, &own).await.unwrap();
    let said = opens(&format!("{elsewhere}?hostaddr=127.0.0.1"), &own).await.unwrap_err();
    assert!(said.contains("another host"), "{said}");
    let is_encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                        WHERE application_name = 'sessile'";
    let store = SqlStore::connect(&url, options).await.unwrap();
    assert_eq!(postgres().query(is_encrypted).unwrap().trim(), "t", "prefer takes what is there");
    drop(store);
}

fn certificate_of(server: &MariaDb) -> String {
    server.certificates().unwrap().authority.display().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d08_mariadbs_authority_is_taken_in_every_clients_spelling() {
    let user = crate::name("tls");
    let required = format!(
        "CREATE USER '{user}'@'127.0.0.1' REQUIRE SSL; \
                            GRANT ALL ON sessile.* TO '{user}'@'127.0.0.1'"
    );
    mariadb().query(&required).unwrap();
    let url = mariadb().url().replace("sessile:sessile@", &format!("{user}@"));
    let (options, authority) = (options(Layout::Native), certificate_of(mariadb()));
    for parameters in [
        "ssl_ca=FILE",
        "ssl_ca=FILE&ssl_check_hostname=false",
        "ssl_mode=VERIFY_IDENTITY&ssl_ca=FILE",
        "ssl-mode=VERIFY_CA&ssl_ca=FILE",
        "ssl_mode=REQUIRED",
        "ssl=true&ssl_verify_cert=false",
        "require_ssl=true&verify_ca=false",
        "charset=utf8mb4&ssl_ca=FILE",
    ] {
        let address = format!("{url}?{}", parameters.replace("FILE", &authority));
        opens(&address, &options).await.unwrap_or_else(|error| panic!("{parameters}: {error}"));
    }
    for parameters in ["", "ssl_mode=DISABLED", "ssl_disabled=true"] {
        assert!(opens(&format!("{url}?{parameters}"), &options).await.is_err(), "{parameters}");
    }
    for parameters in ["ssl=true", "ssl_mode=VERIFY_CA"] {
        let said = opens(&format!("{url}?{parameters}"), &options).await.unwrap_err();
        assert!(said.contains("ssl_ca=FILE"), "{parameters}: {said}");
    }
    let own = Options { root_certificates: Some(authority.into()), ..options };
    opens(&url, &own).await.unwrap();
}
