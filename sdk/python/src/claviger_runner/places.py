"""Where files of credentials lie."""

from dataclasses import dataclass
from pathlib import Path

from .settings import Settings


@dataclass(frozen=True, slots=True)
class Places:
    """A path for each kind of file."""

    github_token: Path
    gitlab_token: Path
    kubeconfig: Path
    google_folder: Path
    google_key: Path
    gerrit_config: Path
    gerrit_cookies: Path
    git_store: Path
    gh_wrapper: Path
    git_helper: Path | None = None

    @classmethod
    def below(cls, folder: Path) -> "Places":
        """All in one folder: a turn's."""
        return cls(
            github_token=folder / "github.token",
            gitlab_token=folder / "gitlab.token",
            kubeconfig=folder / "kubeconfig",
            google_folder=folder / "google",
            google_key=folder / "google" / "credentials.json",
            gerrit_config=folder / "gerrit" / "gerrit_config.json",
            gerrit_cookies=folder / "gerrit" / ".gitcookies",
            git_store=folder / "git.json",
            gh_wrapper=folder / "bin" / "gh",
        )

    @classmethod
    def documented(cls, settings: Settings, private: Path, root: Path = Path("/")) -> "Places":
        """Where tools of the platform look for them, below `root`; what no tool looks for lies in `private`."""
        google = root / "workspace/.google_workspace_mcp/credentials"
        return cls(
            github_token=root / "tmp/.ambient_github_token",
            gitlab_token=root / "tmp/.ambient_gitlab_token",
            kubeconfig=root / "tmp/.ambient_kubeconfig",
            google_folder=google,
            google_key=settings.google_key_file or google / "credentials.json",
            gerrit_config=root / "tmp/gerrit-mcp/gerrit_config.json",
            gerrit_cookies=root / "tmp/gerrit-mcp/.gitcookies",
            git_store=private / "git.json",
            git_helper=root / "tmp/git-credential-ambient",
            gh_wrapper=private / "bin" / "gh",
        )
