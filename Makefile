# Everything starts here. Each target installs what it needs first; see deploy/setup.sh.
SHELL := /bin/bash
PYTHON := .venv/bin/python
TEST_WORKERS ?= 3
STAGE ?= dev
export PATH := $(CURDIR)/.venv/bin:$(PATH)
.DEFAULT_GOAL := help
.PHONY: help setup demo run up test check bench acceptance soak matrix rolling alerts serverless audit lock clean

help: ## Say what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 14

setup: ## Install what everything needs, here and nowhere else
	@deploy/setup.sh

demo: setup ## Show a link from QR to webhook on this machine, against the stand-in
	@$(PYTHON) -m deploy.demo

run: setup ## Run linkpool against WhatsApp Web, and print a link to open
	@$(PYTHON) -m deploy.run

up: setup ## Run functions, pool and deliverer from the environment
	@$(PYTHON) -m deploy.up

test: setup ## Run every test
	@deploy/setup.sh peers
	@$(PYTHON) -m pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder

check: setup ## What has to be green at every commit
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m mypy
	@$(PYTHON) -m pytest -q -m "not browser and not peer" tests/unit tests/contract
	@$(PYTHON) -m deploy.audit --advisories || [ $$? = 3 ]

bench: setup ## Measure beside whatsapp-web.js; 25 minutes, writes bench/results
	@deploy/setup.sh peers
	@$(PYTHON) -m bench

acceptance: setup ## Run the customer's tests and success criteria; URL= and API_KEY= for a deployment
	@$(PYTHON) -m bench.acceptance $(if $(URL),--url $(URL)) $(if $(API_KEY),--api-key $(API_KEY))

soak: setup ## Links, logouts, crashes and restarts at random for MINUTES=60; does anything grow?
	@$(PYTHON) -m bench.soak --minutes $(or $(MINUTES),60)

rolling: setup ## Replace three nodes one after another under traffic; does anybody notice?
	@$(PYTHON) -m bench.rolling

matrix: setup ## Break three nodes in nine ways, as root; is every account back in time, once, with nothing lost?
	@$(PYTHON) -m bench.matrix $(if $(ONLY),--only $(ONLY))

alerts: setup ## Cause the fault of each alert, as root; does somebody get called? 20 minutes
	@deploy/setup.sh peers
	@$(PYTHON) -m bench.alerts $(if $(ONLY),--only $(ONLY))

serverless: setup ## Package the functions for AWS Lambda, and prove them here without an account
	@deploy/setup.sh serverless
	@$(PYTHON) -m deploy.lambda_package
	@deploy/serverless/node_modules/.bin/serverless print --stage $(STAGE) >dist/serverless-$(STAGE).yml
	@deploy/serverless/node_modules/.bin/serverless package --stage $(STAGE) --package dist/$(STAGE)
	@cfn-lint -r eu-central-1 -i W3005 -t dist/$(STAGE)/cloudformation-template-update-stack.json
	@$(PYTHON) -m pytest -q tests/serverless

audit: setup ## List licences and packages, and ask which have known faults
	@$(PYTHON) -m deploy.audit

lock: setup ## Pin requirements anew from the .in files
	@deploy/lock.sh

clean: ## Remove what setup and the tests made; data stays
	rm -rf .venv .venv-tools dist tests/peers/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
