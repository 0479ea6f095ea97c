# `make book` and `make test` do all set-up; a second call does none again.
PYTHON ?= python3
# What runs with other versions: PYTHON where it is given, else the Python that the run is about.
named = $(if $(filter file,$(origin PYTHON)),$(1),$(PYTHON))
CHAPTER ?=
PY := .venv/bin/python
STAMP := .venv/.set-up
CHAPTERS = $(or $(wildcard book/$(CHAPTER)*.ipynb),$(error there is no book/$(CHAPTER)*.ipynb))
SITE := _build/html/book/intro.html
CHROMIUM := $(shell command -v chromium || command -v google-chrome)
export TQDM_DISABLE := 1
# One thread: two that share a core with anything else wait for each other, up to ten times as long.
export OMP_NUM_THREADS := 1
export JUPYTER_PREFER_ENV_PATH := 1
export PYTHONUNBUFFERED := 1
export PATH := $(CURDIR)/.venv/bin:$(PATH)
unexport JUPYTER_PATH MPLBACKEND  # chapters run in .venv's kernel and draw inline
unexport PYTHONDONTWRITEBYTECODE  # where it is set, each process would take tests and package apart anew
# Two processes; one that is done takes over half of what the other has left.
TWO := -n 2 --dist worksteal
UNIT := $(TWO) --ignore=tests/site --ignore=tests/teaching
# Three chapters at a time, since a kernel waits while its cell is compared, the longest first, so that
# no core is without one at the end.
LONG = $(foreach number,06 21 07 11 09 05 04 08 16 13 14 03 12 20 19 17,$(filter book/$(number)%,$(CHAPTERS)))
COMPARE = -m pytest -v -n 3 --dist loadfile --no-loadscope-reorder -p tools.notebook_check --nbval $(LONG) $(filter-out $(LONG),$(CHAPTERS))
SITE_TESTS = $(PY) -m pytest $(TWO) tests/site
# tools.source_links is an extension of the site, wherever its configuration lies.
BUILD := PYTHONPATH="$(CURDIR)" jupyter-book build . --all -W -n --keep-going

# $(call check-python,INTERPRETER): stop where it is missing or too old.
define check-python
$(1) -c "" 2> /dev/null || { echo "there is no $(1) that runs: install it, or name another one: make PYTHON=python3.12 ..."; exit 1; }; \
$(1) -c 'import sys; v = sys.version.split()[0]; sys.version_info >= (3, 11) or sys.exit("recbook needs Python 3.11 or newer, $(1) is " + v + "; name another one: make PYTHON=python3.12 ...")'
endef
# $(call in-versions,RUN,INTERPRETER): set up RUN's environment; what follows are arguments of its Python.
define in-versions
@$(call check-python,$(2))
$(2) -m tools.versions $(1)
PATH="$(CURDIR)/.venv-$(1)/bin:$$PATH" .venv-$(1)/bin/python
endef
# $(call finish,SENTENCE): what the site has beside Sphinx's pages, and whether it is whole.
define finish
@$(PY) -m tools.movie_night _build/html
@$(PY) -m tools.check_site _build/html
@echo "$(1). Open $(CURDIR)/$(SITE) in a browser."
endef
define need-chromium
@test -n "$(CHROMIUM)" || { echo "there is no chromium: apt-get install chromium, or Chrome from its makers"; exit 1; }
endef

.DEFAULT_GOAL := help
ifndef BESIDE
.NOTPARALLEL:
endif
.DELETE_ON_ERROR:
.PHONY: help book test lint unit notebooks colab execute render pdf epub site-test bench results release slides address format constraints clean computations \
	assign grade teaching-test test-oldest test-newest colab-versions coverage mutants

help:  ## list what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

book: $(STAMP)  ## execute every chapter on the real data, then render the site
	@rm -rf _build/html && mkdir -p _build
	@sed 's/execute_notebooks: "off"/execute_notebooks: force/' _config.yml > _build/_config.yml
	$(BUILD) --config _build/_config.yml
	$(call finish,The book is built)

# Beside the long computations goes what also waits, for a clock or a browser, so that no core idles;
# what it says is shown when it ends, where make can do so (from 4.0 on).
APART := $(if $(filter output-sync,$(.FEATURES)),-O)
test: $(STAMP)  ## all that CI checks; the site where there is a Chromium
	@$(MAKE) -j 2 $(APART) -o $(STAMP) BESIDE=yes computations lint teaching-test $(if $(CHROMIUM),site-test)

computations:
	@$(MAKE) $(addsuffix none,$(APART)) -o $(STAMP) BESIDE= coverage notebooks

lint: $(STAMP)  ## formatting, lint and types
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy

unit: $(STAMP)  ## unit tests and doctests
	$(PY) -m pytest $(UNIT)

coverage: $(STAMP)  ## unit tests and doctests, and what of the package none of them reaches
	@mkdir -p _build
	$(PY) -m pytest $(UNIT) --cov --cov-report=json:_build/coverage.json
	@$(PY) -m tools.coverage _build/coverage.json

mutants: $(STAMP)  ## plant small faults in the package and see which the unit tests notice [MODULE="graph sparse"]
	$(PY) -m tools.mutants $(MODULE)

notebooks: $(STAMP)  ## execute chapters and compare with their outputs [CHAPTER=07]
	$(PY) $(COMPARE)

colab: $(STAMP)  ## the same as in Colab: its versions but of torch and Python, no checkout [CHAPTER=07]
	$(PY) -m tools.bare _build/colab
	$(PY) $(COMPARE) --bare _build/colab

colab-versions: $(STAMP)  ## the same with Colab's torch and Python, too [CHAPTER=07]
	@$(call check-python,$(call named,python3.13))
	$(call named,python3.13) -m tools.bare _build/colab-versions --torch
	$(PY) $(COMPARE) --bare _build/colab-versions

# Old libraries that meet newer ones of their own warn of what is deprecated there.
test-oldest:  ## unit tests with the lowest version of every range [PYTHON=python3.12]
	$(call in-versions,oldest,$(call named,python3.11)) -m pytest $(UNIT) -W ignore::DeprecationWarning

test-newest:  ## unit tests and chapters with the newest version of every range [PYTHON=python3.13]
	$(call in-versions,newest,$(PYTHON)) -m pytest $(UNIT)
	PATH="$(CURDIR)/.venv-newest/bin:$$PATH" .venv-newest/bin/python $(COMPARE)

execute: $(STAMP)  ## for authors: execute chapters in place and store the outputs [CHAPTER=07]
	$(PY) -m tools.execute $(CHAPTERS)

render: $(STAMP)  ## render the committed outputs [PUBLIC=1: movie night without titles]
	@rm -rf _build/html
	$(BUILD)
	$(call finish,The site is rendered)

pdf: render  ## print the whole book by Chromium, and check its contents, links and fonts
	$(need-chromium)
	$(PY) -m tools.pdf _build/html _build/recommending_with_graphs.pdf

epub: render  ## write the whole book as an EPUB, by pandoc
	@command -v pandoc > /dev/null || { echo "there is no pandoc: apt-get install pandoc"; exit 1; }
	$(PY) -m tools.epub _build/html _build/recommending_with_graphs.epub

site-test: render  ## open every rendered page in Chromium, and drive those that move
	$(need-chromium)
	$(SITE_TESTS)

assign: $(STAMP)  ## make a homework or bug hunt for a course COURSE="Graphs, spring" HW=3 [HW=hunt2]
	@$(PY) -m teaching.build "$(COURSE)" "$(HW)"

grade: $(STAMP)  ## grade a folder HW=3 SUBMISSIONS=folder [COURSE="Graphs, spring"]
	@TQDM_DISABLE= $(PY) -m teaching.grade "$(HW)" "$(SUBMISSIONS)" --course "$(COURSE)"

teaching-test: $(STAMP)  ## build all homework for twenty courses, and grade right, wrong and hostile submissions
	$(PY) -m pytest $(TWO) tests/teaching

bench: export OMP_NUM_THREADS := 2
bench: $(STAMP)  ## compare speeds and memory on an idle machine, and store the results
	TQDM_DISABLE= $(PY) -m benchmarks.peers
	$(PY) -m benchmarks.growth
	$(PY) -m benchmarks.floor
	$(PY) -m benchmarks.distributed
	$(PY) -m benchmarks.reading
	$(PY) -m benchmarks.threads
	$(PY) -m benchmarks.moves
	$(PY) -m benchmarks.serving
	$(PY) -m tools.benchmarks_page

results: $(STAMP)  ## make the ledger again: every figure that the book quotes [EXPERIMENT=original]
	TQDM_DISABLE= $(PY) -m experiments --jobs 2 $(EXPERIMENT)
	$(PY) -m tools.status_page
	$(PY) -m tools.landing_pictures

release: $(STAMP)  ## build wheel and source distribution into dist, and check them [TAG=v1.2.3]
	@rm -rf dist
	$(PY) -m build --outdir dist
	$(PY) -m tools.release dist $(TAG)

slides: $(STAMP)  ## a chapter's slides, HTML and PDF, from its figures and headings [CHAPTER=07]
	@$(PY) -m teaching.slides $(CHAPTER)

address: $(STAMP)  ## move badges, first cells and links to a fork URL=https://github.com/you/fork
	@$(PY) -m tools.address "$(URL)"

format: $(STAMP)  ## format package, tests and chapters
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

constraints: $(STAMP)  ## pin what .venv holds
	@(sed -n '/^#/p' constraints.txt; $(PY) -m pip freeze --all --exclude-editable --exclude pip --exclude wheel | sed 's/+.*//') > constraints.new
	@mv constraints.new constraints.txt

clean:  ## remove what was built, and the environment
	rm -rf _build .venv .venv-* build dist *.egg-info

$(STAMP): pyproject.toml constraints.txt
	@$(call check-python,$(PYTHON))
	$(PYTHON) -m venv .venv
	$(PY) -m pip install -c constraints.txt -e '.[book,serve,dev]'
	@mkdir -p .venv/etc/ipython  # kernels warn, chapter by chapter, of an eavesdropper on this machine
	@echo 'c.IPKernelApp.log_level = "ERROR"' > .venv/etc/ipython/ipython_kernel_config.py
	env -u TQDM_DISABLE $(PY) -c 'from recbook.data import load_movielens_100k; print("MovieLens-100K is in", load_movielens_100k().folder)'
	@touch $@
