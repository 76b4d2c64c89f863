//! What the engines of other languages need.

use super::Language;
use super::tidemark::{TOKEN, account, done, mint, station, well};
use crate::fixture::Journal;
use claviger::runtime::Limits;
use std::sync::Arc;

pub async fn the_usual_limits_suffice(language: Language) {
    let provider = language.provider().await;
    assert_eq!(*provider.limits(), Limits::default(), "it asks for more than the usual");
    // Measured: 9.1 MiB (JavaScript) and 13.3 MiB (Python), before and after a call.
    let half = Limits {
        memory_bytes: Limits::default().memory_bytes / 2,
        ..Limits::default()
    };
    let frugal = language.within(half).await.unwrap_or_else(|error| panic!("{error}"));
    let journal = Arc::new(Journal::default());
    for credential in [station(), account()] {
        let minted = done(mint(&frugal, credential, &well(), Some(&journal)).await);
        assert_eq!(minted.token.expose(), TOKEN);
    }
}

pub async fn too_little_memory_is_named(language: Language) {
    // Compiled once, whoever comes first.
    language.provider().await;
    let little = Limits {
        memory_bytes: 64 * 1024,
        ..Limits::default()
    };
    let why = language.within(little).await.err().expect("a component in a page of memory");
    assert!(why.contains("memory"), "{why}");
}
