//! The components, each compiled once: of the examples as they are built, and of earlier versions of the contract as they were.

use crate::fixture::target;
use claviger::manifest::Manifest;
use claviger::runtime::{Approval, Cache, Limits, Options, Provider, Sandbox};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Who made the component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(non_camel_case_types, reason = "the macro that lists the tests names modules after these")]
pub enum Language {
    javascript,
    python,
    /// In Rust, on the day on which 0.1.0 was frozen. Nobody builds it again.
    frozen_0_1_0,
}

/// Whatever the seal of the compiled code is made with: it is for these tests alone, and kept between their runs.
const CACHE_KEY: &[u8; 32] = b"the tests' own compiled guests..";

impl Language {
    /// Its provider, with what it asks for.
    pub async fn provider(self) -> &'static Provider {
        static LOADED: [OnceCell<Provider>; 3] = [const { OnceCell::const_new() }; 3];
        let load = || async { self.within(Limits::default()).await.unwrap_or_else(|error| panic!("{error}")) };
        LOADED[self as usize].get_or_init(load).await
    }

    /// The same under other limits than the usual, or why it does not load.
    pub async fn within(self, limits: Limits) -> Result<Provider, String> {
        self.granted(limits, false).await
    }

    /// The same, and whether it may read secrets as text.
    pub async fn granted(self, limits: Limits, reveal: bool) -> Result<Provider, String> {
        let component = self.component();
        let sandbox = self.sandbox(limits);
        let inspected = sandbox.inspect(&component).await.map_err(|error| error.to_string())?;
        let approval = Approval {
            limits: inspected.manifest.limits.clone(),
            reveal,
            manifest: inspected.manifest,
        };
        let loaded = sandbox.load(&component, &inspected.digest, &approval).await;
        loaded.map_err(|error| error.to_string())
    }

    /// The manifest as its author wrote it.
    pub fn manifest(self) -> Manifest {
        let path = self.folder().join("manifest.json");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()));
        Manifest::parse(&text).unwrap()
    }

    /// What its author's code says when it stumbles over an answer.
    pub fn last_words(self) -> &'static str {
        match self {
            Self::javascript | Self::python => "TypeError",
            Self::frozen_0_1_0 => "a list of harbours",
        }
    }

    fn folder(self) -> PathBuf {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        match self {
            Self::javascript => repository.join("examples/drop-in-javascript"),
            Self::python => repository.join("examples/drop-in-python"),
            Self::frozen_0_1_0 => repository.join("tests/fixtures/0.1.0/guest"),
        }
    }

    fn name(self) -> String {
        self.folder().file_name().unwrap().to_str().unwrap().to_owned()
    }

    fn component(self) -> Vec<u8> {
        let path = match self {
            Self::frozen_0_1_0 => self.folder().join("../provider.wasm"),
            _ => target().join("providers-test").join(format!("{}.wasm", self.name())),
        };
        std::fs::read(&path).unwrap_or_else(|error| panic!("`{}`: {error}; `cargo xtask test` builds it", path.display()))
    }

    /// One that keeps what it compiled: in this build a component of this size takes half a minute.
    fn sandbox(self, limits: Limits) -> Arc<Sandbox> {
        let folder = target().join("guests-compiled");
        std::fs::create_dir_all(&folder).unwrap();
        // Of its own, so that building the component anew clears it.
        let cache = Cache::open(&folder.join(self.name()), CACHE_KEY).unwrap_or_else(|error| panic!("{error}"));
        Sandbox::new(Options {
            limits,
            cache: Some(cache),
            ..Options::default()
        })
        .unwrap()
    }
}
