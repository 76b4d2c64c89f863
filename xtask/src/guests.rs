//! Provider folders of other languages: `cargo xtask component FOLDER` where that is no crate, and the examples that the tests call.
//!
//! A folder brings its pins and a build script that takes the file to write: `package-lock.json` and `build.mjs`, or `requirements.txt` (with
//! digests) and `build.py`. It is built in a copy, `target/guests-tools/NAME`, where the pinned tools are too: no file of the author's is
//! touched. The stamps are the contents of what went in; an unchanged one means nothing to do, and a run that broke off leaves none.

use crate::install;
use crate::toolchain::Consent;
use crate::{component, python};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The examples that are guests of the tests, and where their components go.
const EXAMPLES: [&str; 2] = ["examples/drop-in-javascript", "examples/drop-in-python"];
const OUT: &str = "providers-test";

/// Where the tests keep compiled ones (`host/tests/runtime/guests/language.rs`).
const COMPILED: &str = "guests-compiled";

/// What is made by tools, or is of no use to them.
const SKIPPED: [&str; 3] = ["node_modules", "__pycache__", "frozen"];
const USELESS: [&str; 2] = ["wasm", "md"];

/// How a folder is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    JavaScript,
    Python,
}

impl Language {
    /// By the build script that lies in the folder.
    pub(crate) fn of(folder: &Path) -> Option<Self> {
        [Self::JavaScript, Self::Python]
            .into_iter()
            .find(|language| folder.join(language.script()).exists())
    }

    fn script(self) -> &'static str {
        match self {
            Self::JavaScript => "build.mjs",
            Self::Python => "build.py",
        }
    }

    fn pins(self) -> &'static [&'static str] {
        match self {
            Self::JavaScript => &["package.json", "package-lock.json"],
            Self::Python => &["requirements.txt"],
        }
    }
}

/// Builds the examples.
///
/// # Errors
/// As [`build`].
pub fn examples(root: &Path, target: &Path, consent: Consent) -> Result<Vec<PathBuf>> {
    let built = EXAMPLES.iter().map(|example| {
        let folder = root.join(example);
        let language = Language::of(&folder).with_context(|| format!("`{example}` has no build script"))?;
        build(language, &folder, target, consent, |name| {
            target.join(OUT).join(format!("{name}.wasm"))
        })
    });
    built.collect()
}

/// Builds what is in `folder` into the file that `out` names for it, and returns that.
///
/// # Errors
/// The tools cannot be installed, the build script fails, or the component imports more than the contract.
pub(crate) fn build(
    language: Language,
    folder: &Path,
    target: &Path,
    consent: Consent,
    out: impl FnOnce(&str) -> PathBuf,
) -> Result<PathBuf> {
    let name = folder
        .file_name()
        .and_then(|name| name.to_str())
        .context("the folder has no name")?;
    let (place, out) = (target.join("guests-tools").join(name), out(name));
    let sources = read(folder)?;
    if let Some(missing) = language.pins().iter().find(|pin| !sources.contains_key(Path::new(pin))) {
        bail!("`{}` has no `{missing}`, which pins the tools", folder.display());
    }
    let wanted = whole(&sources);
    let stamp = place.join("built");
    if out.exists() && std::fs::read_to_string(&stamp).is_ok_and(|built| built == wanted) {
        return Ok(out);
    }
    let _ = std::fs::remove_file(&stamp);
    // Anew, so that what was removed from the folder is not found in the copy.
    let work = place.join("source");
    let _ = std::fs::remove_dir_all(&work);
    for (path, content) in &sources {
        write(&work.join(path), content)?;
    }
    let mut script = match language {
        Language::JavaScript => node(&place, &sources, consent)?,
        Language::Python => python(&place, &sources, consent)?,
    };
    println!("building: {} ({name})", language.script());
    let made = place.join("made.wasm");
    let status = script.arg(work.join(language.script())).arg(&made).current_dir(&work).status();
    if !status
        .with_context(|| format!("cannot start the build script of `{name}`"))?
        .success()
    {
        bail!("`{}` fails; its words are above", folder.join(language.script()).display());
    }
    let bytes = std::fs::read(&made).with_context(|| format!("cannot read `{}`", made.display()))?;
    component::check(&bytes).with_context(|| format!("`{name}` is no provider"))?;
    if let Some(parent) = out.parent() {
        std::fs::create_dir_all(parent).with_context(|| format!("cannot create `{}`", parent.display()))?;
    }
    // What the tests compiled of the one before; 37 MB that nobody would ask for again.
    let _ = std::fs::remove_dir_all(target.join(COMPILED).join(name));
    std::fs::rename(&made, &out)
        .or_else(|_| std::fs::copy(&made, &out).map(drop))
        .with_context(|| format!("cannot write `{}`", out.display()))?;
    std::fs::write(&stamp, wanted).with_context(|| format!("cannot write `{}`", stamp.display()))?;
    Ok(out)
}

/// Node.js, which finds the tools above the sources.
fn node(place: &Path, sources: &Sources, consent: Consent) -> Result<Command> {
    let pins = |name: &str| sources.get(Path::new(name)).cloned().unwrap_or_default();
    install::npm(place, &pins("package.json"), &pins("package-lock.json"), consent)?;
    Ok(Command::new("node"))
}

/// The interpreter of an environment with the tools.
fn python(place: &Path, sources: &Sources, consent: Consent) -> Result<Command> {
    let requirements = sources.get(Path::new("requirements.txt")).cloned().unwrap_or_default();
    let environment = place.join("python");
    python::environment(&environment, &place.join("source/requirements.txt"), &requirements, consent)?;
    Ok(Command::new(environment.join("bin/python")))
}

/// The files of a folder by their paths in it, in order. All are texts.
type Sources = BTreeMap<PathBuf, String>;

fn read(folder: &Path) -> Result<Sources> {
    let (mut files, mut open) = (Sources::new(), vec![PathBuf::new()]);
    while let Some(below) = open.pop() {
        let place = folder.join(&below);
        let entries = std::fs::read_dir(&place).with_context(|| format!("cannot read `{}`", place.display()))?;
        for entry in entries {
            let name = entry.with_context(|| format!("cannot read `{}`", place.display()))?.file_name();
            let (path, text) = (below.join(&name), name.to_string_lossy());
            if text.starts_with('.') || SKIPPED.contains(&text.as_ref()) {
                continue;
            }
            // Follows links: the examples have one to the contract.
            if folder.join(&path).is_dir() {
                open.push(path);
            } else if !path
                .extension()
                .is_some_and(|ending| USELESS.iter().any(|useless| ending == *useless))
            {
                let content = install::read(&folder.join(&path))?;
                files.insert(path, content);
            }
        }
    }
    Ok(files)
}

/// All of it in one text, for the stamp.
fn whole(sources: &Sources) -> String {
    let mut text = String::new();
    for (path, content) in sources {
        let _ = writeln!(text, "==== {} {}\n{content}", path.display(), content.len());
    }
    text
}

fn write(path: &Path, content: &str) -> Result<()> {
    let parent = path.parent().unwrap_or(path);
    std::fs::create_dir_all(parent)
        .and_then(|()| std::fs::write(path, content))
        .with_context(|| format!("cannot write `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::{Language, read, whole};
    use std::path::Path;

    fn example(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name)
    }

    #[test]
    fn the_build_script_tells_the_language() {
        assert_eq!(Language::of(&example("drop-in-javascript")), Some(Language::JavaScript));
        assert_eq!(Language::of(&example("drop-in-python")), Some(Language::Python));
        assert_eq!(Language::of(&example("drop-in-rust")), None);
    }

    #[test]
    fn a_folder_is_read_with_the_contract_that_it_links_to() {
        let sources = read(&example("drop-in-javascript")).unwrap();
        for path in [
            "tidemark.js",
            "manifest.json",
            "package-lock.json",
            "wit/world.wit",
            "wit/deps/claviger/provider.wit",
        ] {
            assert!(sources.contains_key(Path::new(path)), "{path}: {:?}", sources.keys());
        }
        let strange = sources
            .keys()
            .find(|path| path.starts_with("node_modules") || path.ends_with("README.md"));
        assert_eq!(strange, None);
        let mut changed = sources.clone();
        assert_eq!(whole(&changed), whole(&sources));
        changed.entry("wit/world.wit".into()).or_default().push(' ');
        assert_ne!(whole(&changed), whole(&sources));
    }
}
