"""The proxy's stack: which constructs there are, who knows whom, and who may do what."""

from collections.abc import Mapping

import aws_cdk as cdk
from constructs import Construct

from infra import grants
from infra.acknowledged import acknowledge_wildcard
from infra.bundle import Bundle
from infra.constructs.alarms import Alarms
from infra.constructs.api import Api
from infra.constructs.dashboard import Dashboard
from infra.constructs.event_bus import EventBusPublisher
from infra.constructs.function import ProxyFunction, Runtime
from infra.constructs.line import Line
from infra.constructs.log_queries import LogQueries
from infra.constructs.payloads import Payloads
from infra.constructs.scheduler import Scheduler
from infra.constructs.secrets import Secrets
from infra.constructs.tables import Tables
from infra.settings import StackSettings

# In order of precedence. A lane is a queue and a function of its own, so that a flood of low priority
# never stands in the way of a password reset.
LANES = ("immediate", "high", "medium", "low")


class MailProxyStack(cdk.Stack):
    """Everything that the proxy needs in one AWS account and region."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StackSettings,
        bundle: Bundle,
        description: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id, description=description)
        disposable = settings.disposable
        worker_timeout = cdk.Duration.seconds(settings.worker_timeout_seconds)

        self.tables = Tables(self, "Tables", disposable=disposable, stream=settings.event_bus)
        self.payloads = Payloads(self, "Payloads", disposable=disposable)
        self.secrets = Secrets(self, "Secrets", disposable=disposable)
        runtime = Runtime.create(self, settings=settings, bundle=bundle, environment=self._shared_environment(settings))

        self.lanes = {
            lane: Line(
                self,
                f"{lane.title()}Lane",
                runtime=runtime,
                folder="sender",
                service_name=f"sender-{lane}",
                description=f"Sends the mail of the {lane} lane",
                timeout=worker_timeout,
                memory_mb=512,
                max_concurrency=settings.sender_max_concurrency,
                environment={"LANE": lane, "INSTANCE_KEY_SECRET_ID": self.secrets.instance_key.secret_arn},
            )
            for lane in LANES
        }
        self.reports = Line(
            self,
            "Reports",
            runtime=runtime,
            folder="reporter",
            service_name="reporter",
            description="Reports events to the tenants' endpoints",
            timeout=worker_timeout,
            memory_mb=512,
            max_concurrency=settings.reporter_max_concurrency,
            environment={},
        )
        self.mailboxes = self._mailboxes(runtime, settings) if settings.mailbox_kinds else None
        self.scheduler = Scheduler(self, "Scheduler", runtime=runtime, environment={})
        self.api = Api(
            self,
            "Api",
            runtime=runtime,
            environment={
                "ADMIN_TOKEN_SECRET_ID": self.secrets.admin_token.secret_arn,
                **({"MAILBOX_KINDS": ",".join(settings.mailbox_kinds)} if settings.mailbox_kinds else {}),
            },
        )
        self.event_bus = (
            EventBusPublisher(self, "EventBus", runtime=runtime, messages=self.tables.messages)
            if settings.event_bus
            else None
        )
        if not settings.disposable:  # the local AWS has neither arithmetic of metrics nor saved queries
            self._watch(settings)

        self._tell_everyone_the_queues()
        self._grant(settings)
        self._acknowledge()
        self._add_outputs()

    @property
    def workers(self) -> dict[str, ProxyFunction]:
        """Every function, by the name that its logs and metrics carry."""
        workers = {
            "api": self.api.worker,
            **{f"sender-{lane}": line.worker for lane, line in self.lanes.items()},
            "scheduler": self.scheduler.worker,
            "reporter": self.reports.worker,
        }
        if self.mailboxes is not None:
            workers["mailbox"] = self.mailboxes.worker
        if self.event_bus is not None:
            workers["publisher"] = self.event_bus.worker
        return workers

    @property
    def _lines(self) -> list[Line]:
        mailboxes = [self.mailboxes] if self.mailboxes is not None else []
        return [*self.lanes.values(), self.reports, *mailboxes]

    def _mailboxes(self, runtime: Runtime, settings: StackSettings) -> Line:
        return Line(
            self,
            "Mailboxes",
            runtime=runtime,
            folder="mailbox",
            service_name="mailbox",
            description="Reads the mailboxes that mail comes back to",
            timeout=cdk.Duration.seconds(settings.worker_timeout_seconds),
            memory_mb=512,
            max_concurrency=settings.mailbox_max_concurrency,
            environment={"INSTANCE_KEY_SECRET_ID": self.secrets.instance_key.secret_arn},
        )

    def _shared_environment(self, settings: StackSettings) -> Mapping[str, str]:
        return {
            "REGISTRY_TABLE": self.tables.registry.table_name,
            "MESSAGES_TABLE": self.tables.messages.table_name,
            "PAYLOADS_BUCKET": self.payloads.bucket.bucket_name,
            "KMS_KEY_ID": self.secrets.credentials_key.key_arn,
            "WORKER_TIMEOUT_SECONDS": str(settings.worker_timeout_seconds),
            "OUTGOING_ALLOWED_HOSTS": settings.outgoing_allowed_hosts,
            "ATTACHMENT_BUCKETS": settings.attachment_buckets,
        }

    def _tell_everyone_the_queues(self) -> None:
        """All functions get all addresses, which are known only now; the grants decide who may use which."""
        addresses = {
            **{f"LANE_{lane.upper()}_QUEUE_URL": line.queue.queue_url for lane, line in self.lanes.items()},
            "REPORTS_QUEUE_URL": self.reports.queue.queue_url,
        }
        if self.mailboxes is not None:
            addresses["MAILBOXES_QUEUE_URL"] = self.mailboxes.queue.queue_url
        for worker in self.workers.values():
            worker.add_environment(addresses)
        self.api.worker.add_environment(
            {
                **{
                    f"LANE_{lane.upper()}_DEAD_LETTERS_URL": line.dead_letters.queue_url
                    for lane, line in self.lanes.items()
                },
                "REPORTS_DEAD_LETTERS_URL": self.reports.dead_letters.queue_url,
            }
        )
        if self.mailboxes is not None:
            self.api.worker.add_environment({"MAILBOXES_DEAD_LETTERS_URL": self.mailboxes.dead_letters.queue_url})

    def _grant(self, settings: StackSettings) -> None:
        lanes = [line.queue for line in self.lanes.values()]
        grants.to_api(
            self.api.worker,
            tables=self.tables,
            lanes=lanes,
            reports=self.reports.queue,
            dead_letters=[line.dead_letters for line in self._lines],
            payloads=self.payloads,
            secrets=self.secrets,
        )
        for line in self.lanes.values():
            grants.to_sender(
                line.worker,
                tables=self.tables,
                lane=line.queue,
                reports=self.reports.queue,
                payloads=self.payloads,
                secrets=self.secrets,
                attachment_buckets=settings.attachment_buckets,
            )
        grants.to_scheduler(
            self.scheduler.worker,
            tables=self.tables,
            lanes=lanes,
            reports=self.reports.queue,
            payloads=self.payloads,
        )
        grants.to_reporter(self.reports.worker, tables=self.tables, reports=self.reports.queue, secrets=self.secrets)
        if self.mailboxes is not None:
            grants.to_mailbox(
                self.mailboxes.worker,
                tables=self.tables,
                mailboxes=self.mailboxes.queue,
                reports=self.reports.queue,
                payloads=self.payloads,
                secrets=self.secrets,
            )
            grants.to_wake_mailboxes(self.api.worker, self.scheduler.worker, mailboxes=self.mailboxes.queue)
        if self.event_bus is not None:
            grants.to_publisher(self.event_bus, tables=self.tables)

    def _watch(self, settings: StackSettings) -> None:
        Alarms(
            self,
            "Alarms",
            settings=settings,
            lanes=self.lanes,
            reports=self.reports,
            mailboxes=self.mailboxes,
            workers=self.workers,
            api=self.api,
            tables=self.tables,
            event_bus=self.event_bus,
        )
        Dashboard(
            self,
            "Watch",
            lanes=self.lanes,
            reports=self.reports,
            workers=self.workers,
            api=self.api,
            tables=self.tables,
        )
        LogQueries(self, "LogQueries", workers=self.workers)

    def _acknowledge(self) -> None:
        acknowledge_wildcard(
            self,
            self.payloads.bucket,
            "/*",
            "Objects are named after mails; each function has the actions that it needs",
        )
        acknowledge_wildcard(
            self,
            self.scheduler.worker.function,
            ":*",
            "The schedule may call any version; there is none but the latest",
        )

    def _add_outputs(self) -> None:
        outputs = {
            "ApiUrl": self.api.url,
            "ApiId": self.api.http_api.api_id,
            "AdminTokenSecretArn": self.secrets.admin_token.secret_arn,
            "RegistryTable": self.tables.registry.table_name,
            "MessagesTable": self.tables.messages.table_name,
            "PayloadsBucket": self.payloads.bucket.bucket_name,
            "CredentialsKeyArn": self.secrets.credentials_key.key_arn,
            "ReportsQueueUrl": self.reports.queue.queue_url,
            "ReportsDeadLettersUrl": self.reports.dead_letters.queue_url,
        }
        if self.mailboxes is not None:
            outputs["MailboxesQueueUrl"] = self.mailboxes.queue.queue_url
            outputs["MailboxesDeadLettersUrl"] = self.mailboxes.dead_letters.queue_url
        if self.event_bus is not None:
            outputs["EventBusName"] = self.event_bus.bus.event_bus_name
            outputs["EventBusDeadLettersUrl"] = self.event_bus.dead_letters.queue_url
        for lane, line in self.lanes.items():
            outputs[f"{lane.title()}LaneQueueUrl"] = line.queue.queue_url
            outputs[f"{lane.title()}LaneDeadLettersUrl"] = line.dead_letters.queue_url
        for name, worker in self.workers.items():
            outputs[f"{_camel(name)}Function"] = worker.function.function_name
        for name, value in outputs.items():
            cdk.CfnOutput(self, name, value=value)


def _camel(name: str) -> str:
    return "".join(word.title() for word in name.split("-"))
