"""Asks a server, with schemathesis, everything that its own description allows and forbids.

In: `url`; `bearer` of somebody who owns and administers; `bob`, of somebody whose accounts may go; `upstream`, the emulated one's
address; `service`, that of a service which opens turns; `project` and `session`, which that
somebody owns; `account`, a connected account of theirs; `cluster`, a trusted issuer of service accounts; `cases`, how many of each kind an
operation gets; `seed`.

Out: `cases`; `reached`, the statuses seen for each operation; `failures`, one for each operation and kind of failure, with what to send to see it.

Random ids name nothing and random texts no role, so three of four positive cases are anchored: schemathesis makes them, and the ids in them are
replaced by those of things that are there. Every operation has a row in ANCHORS, by its name; one without a row is a failure.
"""

import itertools
import json
import sys

import hypothesis
import requests
import schemathesis
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

V1 = "/api/ambient/v1"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
LONGEST = 30  # seconds an answer may take


class World:
    """Things that are there, made when they are wanted."""

    def __init__(self, given):
        self.given = given
        self.numbers = itertools.count(1)
        self.http = requests.Session()
        self.http.trust_env = False
        self.kept = {}

    def unique(self):
        return f"made-{next(self.numbers)}"

    def post(self, path, body, bearer="bearer"):
        headers = {"Authorization": f"Bearer {self.given[bearer]}"}
        answer = self.http.post(self.given["url"] + path, json=body, headers=headers, timeout=LONGEST)
        if answer.status_code >= 300:
            raise RuntimeError(f"cannot make what is asked about: {path} {body}: {answer.status_code} {answer.text}")
        return answer.json()

    def once(self, name, make):
        if name not in self.kept:
            self.kept[name] = make()
        return self.kept[name]

    def project(self):
        return self.post(f"{V1}/projects", {"name": self.unique()})["id"]

    def agent(self, project):
        return self.post(f"{V1}/projects/{project}/agents", {"project_id": project, "name": "pilot"})["id"]

    def session(self, project, phase="Pending"):
        session = self.post(f"{V1}/sessions", {"name": "work", "project_id": project})["id"]
        if phase == "Running":
            self.post(f"{V1}/sessions/{session}/start", {})
        return session

    def credential(self, project=None, before=""):
        """One of a provider of its own, so that it is displaced by no other."""
        provider = before + self.unique()
        path = f"{V1}/projects/{project}/credentials" if project else f"{V1}/credentials"
        made = self.post(path, {"name": provider, "provider": provider, "token": f"secret of {provider}"})
        return made["id"], provider

    def user(self):
        return self.post(f"{V1}/users", {"username": self.unique(), "name": "Somebody"})["id"]

    def role(self):
        return self.post(f"{V1}/roles", {"name": f"team:{self.unique()}", "permissions": '["agent:read"]'})["id"]

    def new_binding(self, project):
        return {"role_id": "project:viewer", "scope": "project", "project_id": project, "user_id": self.unique()}

    def binding(self, project):
        return self.post(f"{V1}/role_bindings", self.new_binding(project))["id"]

    def turn(self):
        turn = {"project": self.given["project"], "session": self.given["session"], "run": self.unique(), "user": "bob"}
        return self.post("/api/claviger/v1/turns", turn, "service")["id"]

    def account(self):
        provider = self.unique()
        self.post(f"/api/auth/{provider}/connect", {"token": "x"})
        return provider

    def at(self, provider):
        """At the emulated upstream, which is the one instance that answers here."""
        return {"url": f"{self.given['upstream']}/{provider}"}

    def github_token(self):
        self.post("/api/auth/github/pat", {"token": "ghp_" + "x" * 36, **self.at("github")}, "bob")
        return {}

    def gitlab_token(self):
        body = {"token": "glpat-" + "x" * 20, "kind": "deploy-token", "fields": {"username": "reader"}, **self.at("gitlab")}
        self.post("/api/auth/gitlab/connect", body, "bob")
        return self.of_project()

    def instance(self):
        name = self.unique()
        cookies = {"instanceName": name, "url": "https://review.example", "gitcookiesContent": "x"}
        self.post("/api/auth/gerrit/connect", cookies)
        return name

    def server(self):
        server = self.unique()
        self.post(f"/api/auth/mcp/{server}/connect", {"fields": {"key": "x"}})
        return server

    def consent(self):
        return self.post("/api/auth/github/install", self.at("github"))["id"]

    # What the rows of ANCHORS share.

    def here(self):
        return self.once("project", self.project)

    def of_project(self, **more):
        return {"project": self.here(), **more}

    def in_project(self):
        """A credential of a project."""
        project = self.here()
        credential, provider = self.once("in project", lambda: self.credential(project))
        return {"project": project, "id": credential}, provider

    def granted(self):
        """A session that was granted a credential."""

        def make():
            project = self.project()
            _, provider = self.credential(project)
            return {"project": project, "session": self.session(project, "Running"), "provider": provider}

        return self.once("granted", make)

    def granted_server(self):
        """A session that was granted the fields of an MCP server."""

        def make():
            project = self.project()
            _, provider = self.credential(project, "mcp-")
            return {"project": project, "session": self.session(project, "Running"), "server": provider.removeprefix("mcp-")}

        return self.once("granted server", make)


def anchored(path=None, body=None, query=None, drop=(), bearer="bearer"):
    """What is put into a case: names in the path, members of the body, and of the query; and what is taken out of both."""
    return {"path": path or {}, "body": body or {}, "query": query or {}, "drop": drop, "bearer": bearer}


# Free text that has a meaning of its own; a random one is a refusal.
LIST = ("search", "orderBy", "fields")
OF_SECRET = ("kind", "fields", "url")
NARROWING = ("repository", "permission", "scope", "consumer", "rejected", "min_ttl")


def listed(world, **path):
    return anchored(path, query={"fields": "id,kind"} if next(world.numbers) % 2 else {}, drop=LIST)


def with_secret(world, path=None):
    return anchored(path, body={"name": world.unique(), "provider": world.unique()}, drop=OF_SECRET)


def service_account(world):
    subject = f"system:serviceaccount:work:{world.unique()}"
    return {"issuer": world.given["cluster"], "subject": subject}


def of_session(world):
    return {"project": world.given["project"], "session": world.given["session"]}


ANCHORS = {
    "listCredentials": lambda w: listed(w),
    "createCredential": lambda w: with_secret(w),
    "getCredential": lambda w: anchored({"id": w.once("credential", w.credential)[0]}),
    "updateCredential": lambda w: anchored({"id": w.credential()[0]}, drop=(*OF_SECRET, "provider")),
    "deleteCredential": lambda w: anchored({"id": w.credential()[0]}),
    "getCredentialToken": lambda w: anchored({"id": w.once("credential", w.credential)[0]}, drop=NARROWING),
    "listCredentialsInProject": lambda w: listed(w, project=w.here()),
    "createCredentialInProject": lambda w: with_secret(w, w.of_project()),
    "getCredentialInProject": lambda w: anchored(w.in_project()[0]),
    "updateCredentialInProject": lambda w: anchored(w.of_project(id=w.credential(w.here())[0]), drop=(*OF_SECRET, "provider")),
    "deleteCredentialInProject": lambda w: anchored(w.of_project(id=w.credential(w.here())[0])),
    "getCredentialTokenInProject": lambda w: anchored(w.in_project()[0], drop=NARROWING),
    "explain": lambda w: anchored(w.of_project(), query={"provider": w.in_project()[1]}, drop=("agent", "session", "user")),
    "listProjects": lambda w: listed(w),
    "createProject": lambda w: anchored(body={"name": w.unique()}, drop=("credential_policy",)),
    "getProject": lambda w: anchored(w.of_project()),
    "updateProject": lambda w: anchored(w.of_project(), drop=("credential_policy",)),
    "deleteProject": lambda w: anchored({"project": w.project()}),
    "listAgents": lambda w: listed(w, project=w.here()),
    "createAgent": lambda w: anchored(w.of_project(), body={"name": "pilot"}),
    "getAgent": lambda w: anchored(w.of_project(id=w.once("agent", lambda: w.agent(w.here())))),
    "updateAgent": lambda w: anchored(w.of_project(id=w.agent(w.here())), body={"name": "pilot"}),
    "deleteAgent": lambda w: anchored(w.of_project(id=w.agent(w.here()))),
    "startAgent": lambda w: anchored(w.of_project(id=w.agent(w.here()))),
    "listAgentSessions": lambda w: listed(w, **w.of_project(id=w.once("agent", lambda: w.agent(w.here())))),
    "listAgentRoleBindings": lambda w: listed(w, **w.of_project(id=w.once("agent", lambda: w.agent(w.here())))),
    "listSessions": lambda w: anchored(query={"project_id": w.here()}, drop=LIST),
    "createSession": lambda w: anchored(body={"name": "work", "project_id": w.here()}, drop=("agent_id",)),
    "getSession": lambda w: anchored({"id": w.once("session", lambda: w.session(w.here()))}),
    "updateSession": lambda w: anchored({"id": w.session(w.here())}, body={"name": "work"}),
    "deleteSession": lambda w: anchored({"id": w.session(w.here())}),
    "updateSessionStatus": lambda w: anchored({"id": w.session(w.here(), "Running")}, body={"phase": "Completed"}),
    "startSession": lambda w: anchored({"id": w.session(w.here())}),
    "stopSession": lambda w: anchored({"id": w.session(w.here(), "Running")}),
    "cloneSession": lambda w: anchored({"id": w.once("session", lambda: w.session(w.here()))}),
    "listUsers": lambda w: listed(w),
    "createUser": lambda w: anchored(body={"username": w.unique(), "name": "Somebody"}),
    "getUser": lambda w: anchored({"id": w.once("user", w.user)}),
    "updateUser": lambda w: anchored({"id": w.user()}),
    "deleteUser": lambda w: anchored({"id": w.user()}),
    "listRoles": lambda w: listed(w),
    "createRole": lambda w: anchored(body={"name": f"team:{w.unique()}", "permissions": '["agent:read"]'}),
    "getRole": lambda w: anchored({"id": w.once("role", w.role)}),
    "updateRole": lambda w: anchored({"id": w.role()}, drop=("permissions",)),
    "deleteRole": lambda w: anchored({"id": w.role()}),
    "listRoleBindings": lambda w: listed(w),
    "createRoleBinding": lambda w: anchored(
        body=w.new_binding(w.here()), drop=("agent_id", "session_id", "credential_id")
    ),
    "getRoleBinding": lambda w: anchored({"id": w.once("binding", lambda: w.binding(w.here()))}),
    "updateRoleBinding": lambda w: anchored(
        {"id": w.binding(w.here())},
        body={**w.new_binding(w.here()), "role_id": "agent:observer"},
        drop=("agent_id", "session_id", "credential_id"),
    ),
    "deleteRoleBinding": lambda w: anchored({"id": w.binding(w.here())}),
    "getSessionToken": lambda w: anchored(w.granted(), drop=NARROWING),
    "getSessionTokenAtRoot": lambda w: anchored(w.granted(), drop=NARROWING),
    "getServerFields": lambda w: anchored(w.granted_server(), drop=NARROWING),
    "getServerFieldsAtRoot": lambda w: anchored(w.granted_server(), drop=NARROWING),
    "getGithubToken": lambda w: anchored(of_session(w), drop=NARROWING),
    "getGithubTokenAtRoot": lambda w: anchored(of_session(w), drop=NARROWING),
    "connectAccount": lambda w: anchored({"provider": w.unique()}, body={"token": "x"}, drop=OF_SECRET),
    "completeConsent": lambda w: anchored({"provider": "gitlab"}),
    "getAccount": lambda w: anchored({"provider": w.once("account", w.account)}),
    "disconnectAccount": lambda w: anchored({"provider": w.account()}),
    "deleteAccount": lambda w: anchored({"provider": w.account()}),
    "testAccount": lambda w: anchored({"provider": w.unique()}, body={"token": "x"}, drop=OF_SECRET),
    "listAccounts": lambda w: anchored(),
    "installGithub": lambda w: anchored(body=w.at("github"), drop=OF_SECRET),
    "returnFromGithub": lambda w: anchored(),
    "connectGithubToken": lambda w: anchored(body={"token": "ghp_" + "x" * 36}, drop=OF_SECRET, bearer="bob"),
    "deleteGithubToken": lambda w: anchored(w.github_token(), bearer="bob"),
    "getGithubTokenStatus": lambda w: anchored(),
    "listGerritInstances": lambda w: anchored(),
    "getGerritInstance": lambda w: anchored({"instance": w.once("instance", w.instance)}),
    "deleteGerritInstance": lambda w: anchored({"instance": w.instance()}),
    "connectServer": lambda w: anchored({"server": w.unique()}, body={"fields": {"key": "x"}}),
    "getServer": lambda w: anchored({"server": w.once("server", w.server)}),
    "deleteServer": lambda w: anchored({"server": w.server()}),
    "connectGitlabInProject": lambda w: anchored(w.of_project(), body={"token": "x"}, drop=OF_SECRET, bearer="bob"),
    "getGitlabInProject": lambda w: anchored(w.of_project()),
    "disconnectGitlabInProject": lambda w: anchored(w.gitlab_token(), bearer="bob"),
    "deleteGitlabInProject": lambda w: anchored(w.gitlab_token(), bearer="bob"),
    "testGitlabInProject": lambda w: anchored(w.of_project(), body={"token": "x", **w.at("gitlab")}, drop=OF_SECRET),
    "getConsent": lambda w: anchored(query={"id": w.consent()}),
    "returnFromConsent": lambda w: anchored(),
    "getIdentity": lambda w: anchored({"id": w.given["account"]}),
    "revokeCredential": lambda w: anchored({"id": w.given["account"]}),
    "setServiceAccount": lambda w: anchored(of_session(w), body=service_account(w), bearer="service"),
    "removeServiceAccount": lambda w: anchored(of_session(w), bearer="service"),
    "openTurn": lambda w: anchored(body={**of_session(w), "run": w.unique(), "user": "bob"}, bearer="service"),
    "closeTurn": lambda w: anchored({"id": w.turn()}, bearer="service"),
    "whoAmI": lambda w: anchored(),
    "getApi": lambda w: anchored(),
    "getVersionMetadata": lambda w: anchored(),
    "getVersion": lambda w: anchored(),
    "getDescription": lambda w: anchored(),
    "getDescriptionPage": lambda w: anchored(),
    "listErrors": lambda w: anchored(),
    "getError": lambda w: anchored({"id": "7"}),
    "getPublishedKeys": lambda w: anchored(),
    "isAlive": lambda w: anchored(),
    "isReady": lambda w: anchored(),
}

# What ends or replaces an account spoils it for those who come after.
LAST = ("revokeCredential", "connectGithubToken", "deleteGithubToken")


def put_into(case, anchor):
    case.path_parameters = {**(case.path_parameters or {}), **anchor["path"]}
    query = {key: value for key, value in dict(case.query or {}).items() if key not in anchor["drop"]}
    case.query = {**query, **anchor["query"]}
    if anchor["body"] or anchor["drop"]:
        body = case.body if isinstance(case.body, dict) else {}
        body = {key: value for key, value in body.items() if key not in anchor["drop"]}
        if isinstance(case.body, dict) or anchor["body"]:
            case.body = {**body, **anchor["body"]}


class Run:
    def __init__(self, given):
        self.world = World(given)
        self.cases = 0
        self.reached = {}
        self.failures = {}

    def operation(self, operation):
        name = operation.definition.raw["operationId"]
        seen = self.reached.setdefault(name, {})
        row = ANCHORS.get(name)
        if row is None:
            self.failures[name, "no row"] = f"`{name}` has no row in ANCHORS"
            return
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            numbers = itertools.count()

            def one(case):
                number = next(numbers)
                bearer = "bearer"
                # Negative cases of a body reach its reader only where the path leads somewhere.
                if mode is GenerationMode.POSITIVE and number % 4 != 3 or number % 2:
                    anchor = row(self.world)
                    bearer = anchor["bearer"]
                    if mode is GenerationMode.POSITIVE:
                        put_into(case, anchor)
                    else:
                        case.path_parameters = {**(case.path_parameters or {}), **anchor["path"]}
                self.ask(name, seen, case, bearer)

            try:
                strategy = operation.as_strategy(generation_mode=mode)
                test = hypothesis.given(strategy)(one)
                test = hypothesis.seed(self.world.given["seed"])(test)
                hypothesis.settings(
                    max_examples=self.world.given["cases"],
                    database=None,
                    deadline=None,
                    derandomize=False,
                    phases=[hypothesis.Phase.generate],
                    suppress_health_check=list(hypothesis.HealthCheck),
                )(test)()
            except (hypothesis.errors.Unsatisfiable, hypothesis.errors.NoSuchExample):
                # Nothing in the request can be wrong.
                pass

    def ask(self, name, seen, case, bearer):
        case.headers.pop("Authorization", None)
        headers = {"Authorization": f"Bearer {self.world.given[bearer]}"}
        response = case.call(headers=headers, timeout=LONGEST, session=self.world.http)
        self.cases += 1
        seen[response.status_code] = seen.get(response.status_code, 0) + 1
        try:
            case.validate_response(response, checks=CHECKS, headers=headers)
        except FailureGroup as group:
            for failure in group.exceptions:
                self.failed(name, failure, case, response)
        except Failure as failure:
            self.failed(name, failure, case, response)

    def failed(self, name, failure, case, response):
        words = f"{failure.title}: {failure.message}\n  {case.method} {case.formatted_path} {dict(case.query or {})} {str(case.body)[:500]}"
        self.failures.setdefault((name, failure.title, response.status_code), f"{name} {words}\n  {response.status_code} {response.text[:500]}")


def main():
    given = json.load(sys.stdin)
    run = Run(given)
    # Read from its address, it would leave out the operation that serves it.
    schema = schemathesis.openapi.from_dict(run.world.http.get(given["url"] + V1 + "/openapi", timeout=LONGEST).json())
    schema.config.update(base_url=given["url"])
    operations = [result.ok() for result in schema.get_all_operations()]
    names = [operation.definition.raw["operationId"] for operation in operations]
    operations = [
        *(operation for operation, name in zip(operations, names) if name not in LAST),
        *(operations[names.index(name)] for name in LAST),
    ]
    for operation in operations:
        run.operation(operation)
    known = {operation.definition.raw["operationId"] for operation in operations}
    for name in ANCHORS.keys() - known:
        run.failures[name, "no operation"] = f"`{name}` has a row in ANCHORS and is no operation"
    json.dump({"cases": run.cases, "reached": run.reached, "failures": sorted(run.failures.values())}, sys.stdout)


main()
