# kit: updated by the template; extend it from app.py
"""Old names of the kit's public API: each still works, with a warning that says what to write instead.

`uv run python -m service_tools.dev.renames` rewrites them in your files. They go with version 4.
"""

import warnings
from importlib import import_module

RENAMED = {
    "service.kit.auth.GuessOptions": "service.kit.auth.login_throttle.LoginThrottleOptions",
    "service.kit.auth.Guesses": "service.kit.auth.LoginThrottle",
    "service.kit.db.AnyQuery": "service.kit.db.query.AnyQuery",
    "service.kit.db.Constraints": "service.kit.db.errors.Constraints",
    "service.kit.db.DatabaseError": "service.kit.db.errors.DatabaseError",
    "service.kit.db.DatabaseOptions": "service.kit.db.sessions.DatabaseOptions",
    "service.kit.db.ERRORS": "service.kit.db.errors.ERRORS",
    "service.kit.db.EVERY": "service.kit.db.SAMPLE_INTERVAL",
    "service.kit.db.NEWEST": "service.kit.db.query.NEWEST_SAMPLE",
    "service.kit.db.UnreachableError": "service.kit.db.errors.UnreachableError",
    "service.kit.db.bypass_pooler": "service.kit.db.sessions.bypass_pooler",
    "service.kit.db.check_capacity": "service.kit.db.database.check_capacity",
    "service.kit.db.choose_pool_size": "service.kit.db.pool.choose_pool_size",
    "service.kit.db.connect": "service.kit.db.sessions.connect",
    "service.kit.db.dial": "service.kit.db.sessions.open_connection",
    "service.kit.db.explain": "service.kit.db.errors.to_problem",
    "service.kit.db.find_queries": "service.kit.db.query.find_queries",
    "service.kit.db.locate": "service.kit.db.sessions.describe_database",
    "service.kit.db.read_url": "service.kit.db.sessions.read_database_url",
    "service.kit.db.time_limits": "service.kit.db.sessions.get_session_limits",
    "service.kit.edge.Batch": "service.kit.work.batch.Batch",
    "service.kit.edge.CommandError": "service.kit.work.CommandError",
    "service.kit.edge.CompressionOptions": "service.kit.edge.compression.CompressionOptions",
    "service.kit.edge.Deadlines": "service.kit.work.deadlines.Deadlines",
    "service.kit.edge.EdgeOptions": "service.kit.edge.options.EdgeOptions",
    "service.kit.edge.Event": "service.kit.web.Event",
    "service.kit.edge.EventStream": "service.kit.web.EventStream",
    "service.kit.edge.FullError": "service.kit.work.limiter.FullError",
    "service.kit.edge.InvalidField": "service.kit.web.InvalidField",
    "service.kit.edge.LAST_ID": "service.kit.edge.events.LAST_EVENT_ID_PARAMETER",
    "service.kit.edge.LastEventId": "service.kit.web.LastEventId",
    "service.kit.edge.Lifetime": "service.kit.work.options.Lifetime",
    "service.kit.edge.Limited": "service.kit.work.deadlines.Limited",
    "service.kit.edge.Limiter": "service.kit.work.limiter.Limiter",
    "service.kit.edge.MEDIA_TYPE": "service.kit.work.problems.MEDIA_TYPE",
    "service.kit.edge.Problem": "service.kit.web.Problem",
    "service.kit.edge.ProblemDetails": "service.kit.work.problems.ProblemDetails",
    "service.kit.edge.RETRY_AFTER": "service.kit.work.problems.RETRY_AFTER",
    "service.kit.edge.Seconds": "service.kit.work.Seconds",
    "service.kit.edge.Span": "service.kit.work.Span",
    "service.kit.edge.Stream": "service.kit.work.responses.Stream",
    "service.kit.edge.TracesOptions": "service.kit.work.tracing.TracesOptions",
    "service.kit.edge.Work": "service.kit.work.context.Work",
    "service.kit.edge.asgi": "service.kit.work.asgi",
    "service.kit.edge.busy": "service.kit.web.busy",
    "service.kit.edge.charge": "service.kit.work.context.charge",
    "service.kit.edge.check_nesting": "service.kit.work.options.check_nesting",
    "service.kit.edge.configure_traces": "service.kit.work.configure_traces",
    "service.kit.edge.conflict": "service.kit.web.conflict",
    "service.kit.edge.context": "service.kit.work.context",
    "service.kit.edge.count_cores": "service.kit.work.cores.count_cores",
    "service.kit.edge.current": "service.kit.work.context.current",
    "service.kit.edge.invalid": "service.kit.web.invalid",
    "service.kit.edge.metrics": "service.kit.work.metrics",
    "service.kit.edge.not_found": "service.kit.web.not_found",
    "service.kit.edge.read_last_id": "service.kit.edge.events.read_last_event_id",
    "service.kit.edge.request_id": "service.kit.work.request_id",
    "service.kit.edge.time_left": "service.kit.work.time_left",
    "service.kit.edge.trace_headers": "service.kit.work.trace_headers",
    "service.kit.migrate.MigrationError": "service.kit.migrate.files.MigrationError",
    "service.kit.migrate.MigrationOptions": "service.kit.migrate.files.MigrationOptions",
    "service.kit.migrate.STANDALONE": "service.kit.migrate.files.STANDALONE",
    "service.kit.migrate.apply_migrations": "service.kit.commands.migrate.apply_migrations",
    "service.kit.migrate.apply_pending": "service.kit.migrate.apply.apply_pending",
    "service.kit.migrate.read_files": "service.kit.migrate.files.read_migration_files",
    "service.kit.offload.ClientOptions": "service.kit.calls.ClientOptions",
    "service.kit.offload.OffloadOptions": "service.kit.offload.offload.OffloadOptions",
    "service.kit.offload.make_client": "service.kit.calls.make_client",
    "service.kit.offload.share_cores": "service.kit.offload.offload.share_cores",
    "service.kit.rows.ExportOptions": "service.kit.rows.export.ExportOptions",
    "service.kit.rows.link": "service.kit.rows.listing.make_link_header",
    "service.kit.server.CONSOLE": "service.kit.server.supervision.CONSOLE_SOCKET",
    "service.kit.server.HEARTBEAT": "service.kit.server.supervision.HEARTBEAT_FILE",
    "service.kit.server.LOOK_SECONDS": "service.kit.server.supervision.POLL_SECONDS",
    "service.kit.server.LogOptions": "service.kit.server.logs.LogOptions",
    "service.kit.server.MetricsOptions": "service.kit.server.metrics_endpoint.MetricsOptions",
    "service.kit.server.ServerOptions": "service.kit.server.http_server.ServerOptions",
    "service.kit.server.SettingsError": "service.kit.server.settings.SettingsError",
    "service.kit.server.Supervision": "service.kit.server.supervision.Supervision",
    "service.kit.server.VARIABLE": "service.kit.server.supervision.RUNTIME_FOLDER_VARIABLE",
    "service.kit.server.Watchdog": "service.kit.server.watchdog.Watchdog",
    "service.kit.server.WatchdogOptions": "service.kit.server.watchdog.WatchdogOptions",
    "service.kit.server.Wiring": "service.kit.commands.cli.Wiring",
    "service.kit.server.cli": "service.kit.commands",
    "service.kit.server.cli.main": "service.kit.commands.main",
    "service.kit.server.cli.service": "service.kit.commands.service",
    "service.kit.server.end_output": "service.kit.server.output.end_output",
    "service.kit.server.list_variables": "service.kit.server.settings.list_variables",
    "service.kit.server.load_env_files": "service.kit.server.settings.load_env_files",
    "service.kit.server.make": "service.kit.server.process.make_in_worker",
    "service.kit.server.serve": "service.kit.server.http_server.serve",
    "service.kit.server.shorten": "service.kit.server.logs.shorten_text",
    "service.kit.server.supervise": "service.kit.server.supervision.supervise",
    "service.kit.web.AccessError": "service.kit.web.routes.AccessError",
    "service.kit.web.Cache": "service.kit.cache.Cache",
    "service.kit.web.CacheOptions": "service.kit.cache.CacheOptions",
    "service.kit.web.IdempotencyOptions": "service.kit.web.idempotency.IdempotencyOptions",
    "service.kit.web.require": "service.kit.web.require_key",
}
"""New names by old ones."""


def find_renamed(module: str, name: str) -> object:
    """Return what a package once had under a name. For `__getattr__` of modules."""
    old = f"{module}.{name}"
    new = RENAMED.get(old)
    if new is None:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    warnings.warn(f"{old} is now {new}", DeprecationWarning, stacklevel=3)
    package, _, attribute = new.rpartition(".")
    value = getattr(import_module(package), attribute, None)
    return import_module(new) if value is None else value
