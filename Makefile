# Copyright (c) 2026, the portcullis.msports contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The two commands: `make demo` (see it work) and `make test` (check everything). Both set up what is missing and say so.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test lint docs-lint docs-site sanity unit integration windows windows-pwsh windows-wine windows-acceptance containers lab molecule fresh browser coverage drills bench build release-check clean setup setup-demo

PY := .venv/bin/python
# RELEASE: the release of Debian in the containers, bookworm or trixie.
CHECKS := $(if $(RELEASE),MSPORTS_RELEASE=$(RELEASE) )$(PY) tests/tools/run_checks.py

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/make \1\t\2/' | expand -t 20

setup-demo:
	@tests/tools/system_packages.sh demo
	@tests/tools/venv.sh run

setup:  ## install what the tests need, without running them
	@tests/tools/system_packages.sh demo test
	@tests/tools/venv.sh run test lint docs

demo: setup-demo  ## a small company's inventory becomes firewall rules, applied to real kernels and proven with packets
	@$(PY) tests/lab/demo.py

test: setup  ## everything: linters, docs, sanity, unit, integration, container and lab tests, Molecule
	@$(CHECKS) $(RUN)

lint: setup  ## ruff, mypy, yamllint, ansible-lint, licences, C# and PowerShell
	@$(CHECKS) lint

docs-lint: setup  ## links, code blocks and lists of the pages, and the site that is built of them
	@$(CHECKS) docs

docs-site:  ## the documentation as a site, in build/docs-site
	@tests/tools/venv.sh run lint docs
	@$(PY) tests/tools/docs_site/build.py

sanity: setup  ## ansible-test sanity on every core that a Python is there for
	@$(CHECKS) sanity

unit: setup  ## unit tests
	@$(CHECKS) unit

integration: setup  ## tests that run Ansible
	@$(CHECKS) integration

windows: setup  ## what runs on Windows hosts, against the stand-in; by Mono, and some of it by PowerShell where one is
	@$(CHECKS) windows

windows-pwsh: setup  ## all of that by PowerShell: the one on PATH, or what MSPORTS_PWSH names
	@MSPORTS_ENGINE=pwsh $(PY) -m pytest -q tests/integration/windows

windows-wine: setup  ## the same under Wine: PowerShell for Windows (MSPORTS_WINDOWS_POWERSHELL) and real COM calls; as root
	@$(CHECKS) windows-wine

windows-acceptance: setup-demo  ## asks one real Windows host what is assumed about Windows (INVENTORY=hosts.yml HOSTS=win2022 ARGS="--only reads")
	@$(PY) tests/windows/acceptance $(addprefix -i ,$(INVENTORY)) $(HOSTS) $(ARGS)

containers: setup  ## the backends on booted containers, with real firewall managers
	@$(CHECKS) containers

drills: setup  ## lockouts and processes killed at random, some hundred times, on booted containers (MSPORTS_LOCKOUTS, MSPORTS_KILLS, MSPORTS_POINTS, MSPORTS_HOSTS, MSPORTS_BACKENDS, MSPORTS_SEED); as root
	@$(PY) -m pytest -q tests/drills

lab: setup  ## tests in the namespace lab
	@$(CHECKS) lab

molecule: setup  ## the scenarios of Molecule, on booted containers
	@$(CHECKS) molecule

fresh:  ## demo and tests on bare machines of Debian 12 and 13 (RELEASE=trixie: one; RUN="lint unit": these groups alone; KEEP=yes)
	@tests/tools/system_packages.sh fresh
	@tests/tools/venv.sh run
	@$(PY) tests/tools/fresh.py $(if $(RELEASE),--release $(RELEASE)) $(if $(KEEP),--keep) $(RUN)

build: setup-demo  ## the collection's tarball, in build/
	@ANSIBLE_HOME=$(CURDIR)/.cache/ansible .venv/bin/ansible-galaxy collection build --force --output-path build .

release-check: setup  ## what keeps the checkout from being released as the version of galaxy.yml
	@.venv/bin/antsibull-changelog lint
	@$(PY) tests/tools/release_check.py

browser: setup  ## the report in a headless Chromium, which it installs (80 MB to download)
	@tests/tools/system_packages.sh browser
	@$(PY) -m pytest -q tests/browser

coverage: setup  ## unit and integration tests, measured; fails below 95 percent of lines and branches
	@$(CHECKS) coverage

bench: setup  ## speed: ratios against other ways
	@$(PY) -m tests.benchmarks

clean:  ## remove what these commands made inside the checkout, and what podman keeps for it below /run
	rm -rf "$$(readlink .cache/persistence/runroot)"
	rm -rf .cache .venv build tests/output .coverage .coverage.*
