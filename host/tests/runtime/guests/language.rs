//! The components, each compiled once.

use crate::fixture::target;
use claviger::manifest::Manifest;
use claviger::runtime::{Approval, Cache, Limits, Options, Provider, Sandbox};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// A toolchain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(non_camel_case_types, reason = "the macro that lists the tests names modules after these")]
pub enum Language {
    javascript,
    python,
}

/// Whatever the seal of the compiled code is made with: it is for these tests alone, and kept between their runs.
const CACHE_KEY: &[u8; 32] = b"the tests' own compiled guests..";

impl Language {
    /// Its provider, with what it asks for.
    pub async fn provider(self) -> &'static Provider {
        static LOADED: [OnceCell<Provider>; 2] = [const { OnceCell::const_new() }; 2];
        let load = || async { self.within(Limits::default()).await.unwrap_or_else(|error| panic!("{error}")) };
        LOADED[self as usize].get_or_init(load).await
    }

    /// The same under other limits than the usual, or why it does not load.
    pub async fn within(self, limits: Limits) -> Result<Provider, String> {
        let component = self.component();
        let sandbox = self.sandbox(limits);
        let inspected = sandbox.inspect(&component).await.map_err(|error| error.to_string())?;
        let approval = Approval {
            limits: inspected.manifest.limits.clone(),
            reveal: false,
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

    fn folder(self) -> PathBuf {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
        match self {
            Self::javascript => examples.join("drop-in-javascript"),
            Self::python => examples.join("drop-in-python"),
        }
    }

    fn name(self) -> String {
        self.folder().file_name().unwrap().to_str().unwrap().to_owned()
    }

    fn component(self) -> Vec<u8> {
        let path = target().join("providers-test").join(format!("{}.wasm", self.name()));
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
