//! A PostgreSQL of the tests' own, in a temporary folder, which ends with the process.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqlSafeStr};

/// A cluster; its pipe, when it closes, ends it.
struct Cluster {
    sockets: PathBuf,
    _keeper: Child,
}

/// Ends the server when whoever started it ends, however that happens, and leaves nothing behind.
const KEEPER: &str = r#"
folder=$1; shift
"$@" >"$folder/log" 2>&1 &
server=$!
echo started
cat >/dev/null
kill -TERM $server
wait $server
rm -rf "$folder"
"#;

/// The folder of PostgreSQL's programs, if they are here.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let known = versions.map(|version| version.path().join("bin"));
    std::env::split_paths(&path).chain(known).find(|folder| folder.join("initdb").exists())
}

/// It refuses to be root's.
fn as_somebody(program: &Path) -> Command {
    let output = |args: &[&str]| Command::new("id").args(args).output().unwrap();
    if String::from_utf8_lossy(&output(&["-u"]).stdout).trim() != "0" {
        return Command::new(program);
    }
    let user = if output(&["-u", "postgres"]).status.success() { "postgres" } else { "nobody" };
    let mut command = Command::new("runuser");
    command.args(["-u", user, "--"]).arg(program).current_dir("/");
    command
}

fn start(programs: &Path) -> Cluster {
    let made = as_somebody(Path::new("mktemp")).args(["-d", "-t", "regrant-pg-XXXXXX"]).output().unwrap();
    let folder = PathBuf::from(String::from_utf8(made.stdout).unwrap().trim());
    let data = folder.join("data");
    let initdb = as_somebody(&programs.join("initdb"))
        .args(["--no-sync", "--auth=trust", "--username=regrant", "--encoding=UTF8", "--locale=C", "-D"])
        .arg(&data)
        .output()
        .unwrap();
    assert!(initdb.status.success(), "initdb: {}", String::from_utf8_lossy(&initdb.stderr));
    let mut keeper = as_somebody(Path::new("/bin/sh"))
        .args(["-c", KEEPER, "keeper"])
        .arg(&folder)
        .arg(programs.join("postgres"))
        .arg("-D")
        .arg(&data)
        .arg("-k")
        .arg(&folder)
        .args(["-h", "", "-c", "fsync=off", "-c", "max_connections=200"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let cluster = Cluster { sockets: folder, _keeper: keeper };
    let until = Instant::now() + Duration::from_secs(30);
    while let Err(why) = carried_out(&cluster.address("postgres"), "SELECT 1") {
        assert!(Instant::now() < until, "PostgreSQL did not start within 30 s: {why}");
        std::thread::yield_now();
    }
    cluster
}

impl Cluster {
    fn address(&self, database: &str) -> String {
        let sockets = self.sockets.to_string_lossy().replace('/', "%2F");
        format!("postgres://regrant@{sockets}/{database}")
    }
}

/// Carries out a statement, in a thread of its own: whoever asks may be waiting already.
fn carried_out(address: &str, sql: impl SqlSafeStr + Send + 'static) -> Result<(), sqlx::Error> {
    let options = PgConnectOptions::from_str(address)?;
    let work = async move {
        let mut connection = PgConnection::connect_with(&options).await?;
        sqlx::raw_sql(sql).execute(&mut connection).await?;
        connection.close().await
    };
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::thread::spawn(move || runtime().block_on(work)).join().unwrap()
}

/// The address of an empty database, or `None`, said loudly, where no PostgreSQL is installed.
pub fn database() -> Option<String> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let Some(cluster) = CLUSTER.get_or_init(|| programs().map(|programs| start(&programs))) else {
        eprintln!("\nNOT TESTED on PostgreSQL: it is not installed (apt-get install postgresql)\n");
        return None;
    };
    let name = format!("test{}", NEXT.fetch_add(1, Ordering::Relaxed));
    carried_out(&cluster.address("postgres"), AssertSqlSafe(format!("CREATE DATABASE {name}"))).unwrap();
    Some(cluster.address(&name))
}

/// Takes a database away, under those who use it.
pub fn drop_database(address: &str) {
    let (server, name) = address.rsplit_once('/').unwrap();
    let sql = AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"));
    carried_out(&format!("{server}/postgres"), sql).unwrap();
}
