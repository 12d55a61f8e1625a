//! PostgreSQL's schema, applied by a real server on a socket of its own when one is installed.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use store::migrations;

/// Where distributions put the server's programs.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    for versions in std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
    {
        places.push(versions.path().join("bin"));
    }
    places.into_iter().find(|place| {
        ["initdb", "pg_ctl", "psql", "postgres"]
            .iter()
            .all(|name| place.join(name).exists())
    })
}

/// The server refuses to run as root: then it runs as somebody who owns nothing else.
fn user() -> Option<(u32, u32)> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    let names = ["postgres", "nobody"];
    let found = names
        .iter()
        .find_map(|name| nix::unistd::User::from_name(name).ok().flatten());
    found.map(|user| (user.uid.as_raw(), user.gid.as_raw()))
}

struct Cluster {
    programs: PathBuf,
    directory: tempfile::TempDir,
    user: Option<(u32, u32)>,
}

impl Cluster {
    fn start(programs: PathBuf) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let user = user();
        if let Some((uid, gid)) = user {
            chown(directory.path(), Some(uid), Some(gid)).expect("given away");
        }
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o700))
            .expect("set");
        let cluster = Self {
            programs,
            directory,
            user,
        };
        cluster.must(
            "initdb",
            &[
                "-D",
                &cluster.path("data"),
                "-A",
                "trust",
                "-U",
                "quell",
                "--no-sync",
            ],
        );
        let options = format!("-k {} -c listen_addresses= -c fsync=off", cluster.path(""));
        let log = cluster.path("log");
        cluster.must(
            "pg_ctl",
            &[
                "-D",
                &cluster.path("data"),
                "-o",
                &options,
                "-l",
                &log,
                "-w",
                "start",
            ],
        );
        cluster
    }

    fn path(&self, name: &str) -> String {
        self.directory
            .path()
            .join(name)
            .to_str()
            .expect("text")
            .trim_end_matches('/')
            .to_owned()
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(self.programs.join(program));
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .env("LC_ALL", "C");
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command.output().expect("starts")
    }

    fn must(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.run(program, arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "{program}: {}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    fn sql(&self, sql: &str) -> String {
        let host = self.path("");
        let file = Path::new(&host).join("statement.sql");
        std::fs::write(&file, sql).expect("written");
        let file = file.to_str().expect("text");
        let arguments = [
            "-h",
            &host,
            "-U",
            "quell",
            "-d",
            "postgres",
            "-X",
            "-q",
            "-A",
            "-t",
            "-1",
            "-v",
            "ON_ERROR_STOP=1",
            "-f",
            file,
        ];
        self.must("psql", &arguments).trim().to_owned()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.run(
            "pg_ctl",
            &["-D", &self.path("data"), "-m", "immediate", "-w", "stop"],
        ));
    }
}

#[test]
fn the_postgres_schema_is_accepted_and_frees_payloads() {
    let Some(programs) = programs() else {
        println!("not run: no PostgreSQL server (initdb, pg_ctl, psql) is installed");
        return;
    };
    let cluster = Cluster::start(programs);
    for migration in migrations::ALL {
        cluster.sql(migration.postgres);
    }
    assert_eq!(
        cluster.sql("SELECT count(*), min(shard), max(shard) FROM shard_lease"),
        "256|0|255"
    );
    // The triggers work as SQLite's do: a payload that is replaced or whose row goes is noted, one that stays is not.
    let freed = cluster.sql(
        "INSERT INTO payload (tenant, account, region, hash, format, body) VALUES ('t', 'a', 'r', 'h1', 1, '1'), \
         ('t', 'a', 'r', 'h2', 1, '2'), ('t', 'a', 'r', 'h3', 1, '3');\n\
         INSERT INTO aggregate (tenant, account, region, shard, kind, uuid, revision, created, format, payload) \
         VALUES ('t', 'a', 'r', 1, 'run', '00000000-0000-0000-0000-000000000001', 1, 0, 1, 1);\n\
         INSERT INTO frame (aggregate, key, tenant, account, region, shard, format, payload) \
         VALUES (1, 'f', 't', 'a', 'r', 1, 1, 2);\n\
         UPDATE aggregate SET payload = 3;\n\
         UPDATE aggregate SET payload = 3, revision = 2;\n\
         INSERT INTO timer VALUES (1, 'k', 5, 't', 'a', 'r', 1);\n\
         SELECT payload FROM payload_freed ORDER BY payload;\n\
         DELETE FROM aggregate;\n\
         SELECT payload FROM payload_freed ORDER BY payload;\n\
         SELECT count(*) FROM frame;\n\
         SELECT count(*) FROM timer;",
    );
    assert_eq!(
        freed.lines().collect::<Vec<_>>(),
        ["1", "1", "2", "3", "0", "0"]
    );
}
