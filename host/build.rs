//! Embeds the built-in providers: the components that `cargo xtask providers` left in `target/providers`.
//!
//! Without them the program builds all the same, so that its own tests and lints need no guest toolchain; it then refuses to serve and says what to
//! run.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-env-changed=PROVIDER_COMPONENTS_DIR");
    println!("cargo:rerun-if-env-changed=CARGO_TARGET_DIR");
    // cargo watches a folder only while it is there; a missing one would build the package anew each time.
    let folder = providers_folder();
    fs::create_dir_all(&folder)?;
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut components: Vec<PathBuf> = fs::read_dir(&folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    components.retain(|path| path.extension().is_some_and(|extension| extension == "wasm"));
    components.sort();
    let mut list = String::from("&[\n");
    for path in &components {
        println!("cargo:rerun-if-changed={}", path.display());
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let _ = writeln!(
            list,
            "    BuiltIn {{ name: {name:?}, component: include_bytes!({:?}) }},",
            path.display().to_string()
        );
    }
    list.push_str("]\n");
    let out = env::var_os("OUT_DIR")
        .map(PathBuf::from)
        .ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?;
    fs::write(out.join("builtin.rs"), list)
}

fn providers_folder() -> PathBuf {
    if let Some(folder) = env::var_os("PROVIDER_COMPONENTS_DIR") {
        return folder.into();
    }
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let target = if target.is_absolute() {
        target
    } else {
        Path::new("..").join(target)
    };
    // An absolute path, for `include_bytes!` reads relative ones from another folder.
    let folder = target.join("providers");
    env::current_dir().map_or_else(|_| folder.clone(), |here| here.join(&folder))
}
