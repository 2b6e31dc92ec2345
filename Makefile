.DEFAULT_GOAL := help
SHELL := /bin/sh
.DELETE_ON_ERROR:

# Every command of the project runs in environments that live in this folder; nothing is installed elsewhere.
python := .venv/bin/python
uv := .tools/uv/bin/uv
uv_ready := .tools/uv/.ready
venv_ready := .venv/.ready
emulator_ready := .tools/ministack/.ready
node_receiver_ready := docs/receivers/node/node_modules/.ready
peer_ready := .tools/peer/.ready
sink_ready := .tools/postfix/.ready
dovecot_ready := .tools/dovecot/.ready

# Processes of the test suite: one for the tests of the deployed template, which mostly wait, and two for the others.
test_workers := 3

# A proxy for the internet knows nothing of the servers that run on this machine.
export NO_PROXY := localhost,127.0.0.1,$(NO_PROXY)
export no_proxy := $(NO_PROXY)

.PHONY: help
help: ## Show this list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

## Setting up -----------------------------------------------------------------------------------

$(uv_ready): requirements/uv.txt scripts/install-uv.sh
	@scripts/install-uv.sh
	@touch $@

$(venv_ready): requirements/dev.txt .python-version scripts/create-environment.sh | $(uv_ready)
	@scripts/create-environment.sh .venv requirements/dev.txt
	@touch $@

$(emulator_ready): requirements/emulator.txt .python-version scripts/create-environment.sh | $(uv_ready)
	@scripts/create-environment.sh .tools/ministack requirements/emulator.txt
	@touch $@

$(node_receiver_ready): docs/receivers/node/package-lock.json scripts/install-node-receiver.sh | $(venv_ready)
	@scripts/install-node-receiver.sh
	@touch $@

$(peer_ready): requirements/peer.txt .python-version scripts/create-environment.sh scripts/install-peer.sh | $(uv_ready)
	@scripts/install-peer.sh
	@touch $@

$(sink_ready): scripts/install-smtp-sink.sh
	@scripts/install-smtp-sink.sh
	@touch $@

$(dovecot_ready): scripts/install-dovecot.sh
	@scripts/install-dovecot.sh
	@touch $@

.PHONY: setup
setup: $(venv_ready) $(emulator_ready) $(node_receiver_ready) ## Create the environments that the other targets use

.PHONY: lock
lock: $(uv_ready) ## Resolve requirements/*.in to their newest versions, with hashes
	@for name in uv lambda dev emulator peer; do \
	  $(uv) pip compile --quiet --upgrade --universal --generate-hashes --python-version "$$(cat .python-version)" \
	    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
	    --output-file requirements/$$name.txt requirements/$$name.in || exit 1; \
	done

## Running --------------------------------------------------------------------------------------

.PHONY: demo
demo: setup ## Run the whole system on this machine and send mail through it
	@$(python) -m localstack.demo

.PHONY: dev
dev: setup ## Keep the whole system running on this machine until Ctrl-C
	@$(python) -m localstack.dev

.PHONY: redeploy
redeploy: setup ## Bring changed code into the running `make dev`
	@$(python) -m localstack.redeploy

.PHONY: openapi
openapi: $(venv_ready) ## Write docs/openapi.json from the code
	@$(python) -m functions.api.openapi

.PHONY: synth
synth: $(venv_ready) ## Write the CloudFormation template for AWS to cdk.out
	@$(python) -m infra.app

## Checking -------------------------------------------------------------------------------------

.PHONY: format
format: $(venv_ready) ## Format the code and fix what the linter can fix
	@$(python) -m ruff check --fix-only --quiet .
	@$(python) -m ruff format .

.PHONY: check
check: $(venv_ready) ## Formatting, lint, types, import directions
	@$(python) -m ruff format --check .
	@$(python) -m ruff check .
	@$(python) -m mypy
	@PYTHONPATH=client .venv/bin/lint-imports --no-cache

.PHONY: unit
unit: $(venv_ready) ## Unit tests
	@$(python) -m pytest tests/unit

.PHONY: integration
integration: setup $(dovecot_ready) ## Tests against real servers on loopback (SMTP, HTTP, the embedded AWS)
	@$(python) -m pytest tests/integration

.PHONY: infra-tests
infra-tests: $(venv_ready) ## Tests of the synthesized template
	@$(python) -m pytest tests/infra

.PHONY: e2e
e2e: setup ## Tests of the deployed template on the embedded AWS
	@$(python) -m pytest tests/e2e

.PHONY: test
test: setup $(dovecot_ready) check ## Everything: checks and all tests
	@$(python) -m pytest -n $(test_workers)

.PHONY: fuzz
fuzz: $(venv_ready) ## The randomised tests of the lines, of mail readers and of the API, for hours rather than seconds
	@MODEL_RUNS=25 $(python) -m pytest tests/model tests/fuzz --timeout 0
	@API_RUNS=25 $(python) -m pytest tests/unit/functions/api/test_conformance.py --timeout 0

## Measuring ------------------------------------------------------------------------------------

.PHONY: bench
bench: setup $(peer_ready) $(sink_ready) ## Measure what a mail costs, beside the peer (best on a quiet machine)
	@$(python) -m benchmarks

.PHONY: soak
soak: setup $(sink_ready) ## The proofs of delivery and reporting in full size, then the sender's memory over 20,000 mails
	@PROOFS=full $(python) -m pytest tests/integration/proofs --timeout 0
	@REPORTED_TENANTS=20 REPORTED_MESSAGES_EACH=100 $(python) -m pytest tests/integration/reports/test_many_tenants.py --timeout 0
	@$(python) -m benchmarks.soak

.PHONY: clean
clean: ## Remove everything that make created
	@rm -rf .venv .tools .local cdk.out docs/receivers/node/node_modules .hypothesis .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
