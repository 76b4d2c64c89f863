//! Commands that change a running server: one line of JSON in, one line out, over `DATA/control.sock` (0600).
//!
//! Without a server the same commands work on the data folder directly, under its lock. Either way there is one writer.

use super::admin::{Admin, Order, Reply};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// An order has this many bytes at most. The longest approves a provider: a manifest has up to 256 KiB, and escapes double that.
const LONGEST_ORDER: u64 = 1024 * 1024;
/// Whoever connects and says nothing is sent away.
const PATIENCE: Duration = Duration::from_secs(10);
/// Approving a provider compiles it: 14 s of both processors for a component of 19 MB, and minutes on a machine that is busy.
const WORK: Duration = Duration::from_secs(300);

/// Where the socket of a data folder is.
#[must_use]
pub fn socket_of(data: &Path) -> PathBuf {
    data.join("control.sock")
}

/// A listening socket; its file goes when it is dropped.
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
}

impl Control {
    /// Listens. The caller holds the folder's lock, so a socket file that is already there is a dead server's.
    ///
    /// # Errors
    /// The operating system's.
    pub fn bind(data: &Path) -> io::Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        let path = socket_of(data);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        // The folder is 0700, so nobody else could connect in between.
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(Self { listener, path })
    }

    /// Serves until the task is dropped.
    pub async fn serve(self, admin: Admin) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let admin = admin.clone();
                    tokio::spawn(async move {
                        if let Err(error) = answer(stream, &admin).await {
                            tracing::warn!(%error, "a command over the control socket was not answered");
                        }
                    });
                }
                Err(error) => {
                    tracing::error!(%error, "the control socket does not accept; commands will not reach this server");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
    }
}

async fn answer(stream: UnixStream, admin: &Admin) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    tokio::time::timeout(PATIENCE, BufReader::new(read.take(LONGEST_ORDER)).read_line(&mut line)).await??;
    let reply = match serde_json::from_str::<Order>(&line) {
        Ok(order) => admin.carry_out(order).await,
        Err(_) => Reply::refused("the server does not understand this command; is the command line of the same version?"),
    };
    let mut text = serde_json::to_vec(&reply).map_err(io::Error::other)?;
    text.push(b'\n');
    write.write_all(&text).await?;
    write.shutdown().await
}

/// Sends an order to the server of this folder. `None` if no server listens there.
///
/// # Errors
/// If a server listens and does not answer.
pub async fn send(data: &Path, order: &Order) -> io::Result<Option<Reply>> {
    let mut stream = match UnixStream::connect(socket_of(data)).await {
        Ok(stream) => stream,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut line = serde_json::to_vec(order).map_err(io::Error::other)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    let mut reply = String::new();
    tokio::time::timeout(WORK, BufReader::new(stream).read_line(&mut reply)).await??;
    serde_json::from_str(&reply).map(Some).map_err(io::Error::other)
}
