//! A PostgreSQL cluster of this test run's own: in a temporary folder, reached through a socket in it, gone afterwards.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const INSTALL: &str = "PostgreSQL is needed for these tests: `apt-get install -y --no-install-recommends postgresql-15`";

pub struct Cluster {
    server: Child,
    folder: tempfile::TempDir,
    bin: PathBuf,
}

impl Cluster {
    pub fn start() -> Self {
        let bin = binaries();
        let folder = tempfile::Builder::new().prefix("pg").tempdir().unwrap();
        if is_root() {
            // PostgreSQL refuses to run as root.
            assert!(
                run(Command::new("chown").arg("postgres:").arg(folder.path())),
                "there is no user `postgres`. {INSTALL}"
            );
        }
        let data = folder.path().join("data");
        let initialised = run(as_postgres(&bin.join("initdb")).arg("--pgdata").arg(&data).args([
            "--username=claviger",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]));
        assert!(initialised, "`initdb` failed. {INSTALL}");
        let server = as_postgres(&bin.join("postgres"))
            .arg("-D")
            .arg(&data)
            // No network: a socket in our folder. No fsync: nothing here outlives the test.
            .args(["-F", "-c", "listen_addresses="])
            .arg("-k")
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let mut cluster = Self { server, folder, bin };
        cluster.wait();
        cluster
    }

    /// A new, empty database, and its address.
    pub fn database(&self, name: &str) -> String {
        let name: String = name.chars().take(60).collect();
        assert!(
            run(Command::new(self.bin.join("createdb"))
                .arg("-h")
                .arg(self.folder.path())
                .args(["-U", "claviger", &name])),
            "createdb {name}"
        );
        format!("postgres://claviger@localhost/{name}?host={}", self.folder.path().display())
    }

    fn wait(&mut self) {
        for _ in 0..300 {
            if run(Command::new(self.bin.join("pg_isready"))
                .args(["-q", "-t", "1", "-h"])
                .arg(self.folder.path()))
            {
                return;
            }
            let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(self.server.try_wait().unwrap().is_none(), "PostgreSQL ended: {}", log());
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("PostgreSQL did not get ready within 30 s");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // A fast shutdown: connections are cut, nothing is waited for.
        let stopped = run(as_postgres(&self.bin.join("pg_ctl"))
            .arg("stop")
            .args(["-m", "fast", "-w", "-D"])
            .arg(self.folder.path().join("data")));
        if !stopped {
            let _ = self.server.kill();
        }
        let _ = self.server.wait();
    }
}

/// The newest installation, else whatever stands in the path.
fn binaries() -> PathBuf {
    let versions = Path::new("/usr/lib/postgresql")
        .read_dir()
        .map(|entries| entries.flatten().map(|entry| entry.path().join("bin")).collect());
    let mut candidates: Vec<PathBuf> = versions.unwrap_or_default();
    candidates.sort();
    candidates.reverse();
    candidates.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    let complete = |folder: &PathBuf| {
        ["initdb", "postgres", "pg_ctl", "pg_isready", "createdb"]
            .iter()
            .all(|name| folder.join(name).exists())
    };
    candidates.into_iter().find(complete).expect(INSTALL)
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// The program as user `postgres` if we are root, and in any case one that ends when this test is killed.
fn as_postgres(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.arg("--pdeathsig=QUIT");
    if is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
    }
    command
        .arg("--")
        .arg(program)
        .current_dir("/")
        .env_remove("PGDATA")
        .env_remove("PGHOST");
    command
}

fn run(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}
