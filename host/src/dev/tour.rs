//! To come.
use super::Development;

/// Tells the story.
///
/// # Errors
/// If a step does not come out as told.
pub async fn tour(_development: &Development) -> anyhow::Result<()> {
    Ok(())
}
