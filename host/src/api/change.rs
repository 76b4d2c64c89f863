//! A change on the record: announced before it is made, and if the records refuse it, that is recorded as well.

use super::problem::{Answer, Problem};
use super::refusals;
use super::state::App;
use crate::audit::Administrative;
use crate::records::RecordsError;
use std::future::Future;

/// Makes a change. It is followed before it is answered: whoever writes can read what they wrote.
///
/// # Errors
/// 503 without the change, if it cannot be recorded; what the records refuse.
pub(super) async fn recorded<T>(app: &App, event: Administrative<'_>, change: impl Future<Output = Result<T, RecordsError>>) -> Answer<T> {
    app.audit.administrative(event.clone()).await.map_err(refusals::unrecorded)?;
    let changed = match change.await {
        Ok(changed) => changed,
        Err(refused) => {
            app.audit.administrative(event.undone()).await.map_err(refusals::unrecorded)?;
            return Err(refusals::by_records(refused));
        }
    };
    app.follower.catch_up().await.map_err(Problem::internal)?;
    Ok(changed)
}
