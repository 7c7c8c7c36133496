"""A sweep from its prompts to its file: blocks handed out, kept as they are finished, joined in order."""

import re
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ioi_core.errors import ChoiceError, IOIError
from ioi_core.inputs import (
    Choice,
    FilePath,
    Flag,
    OptionalChoice,
    OptionalPath,
    Parameters,
    PromptChoice,
    TemplateChoice,
    WholeNumber,
    as_whole_number,
    shown,
)
from ioi_core.model.weights import Model, check_model
from ioi_core.results import Progress
from ioi_core.sweeps.analyses import Request, plain, request
from ioi_core.sweeps.cluster import on_cluster
from ioi_core.sweeps.files import DamagedFileError, read, write
from ioi_core.sweeps.processes import in_processes
from ioi_core.sweeps.prompts import Source, source_of
from ioi_core.sweeps.result import SweepResult, finite, write_sweep
from ioi_core.sweeps.work import Block, Job, Weights, computed, read_block

BLOCK = 128
"""Prompts of a block by default."""

SUFFIX = ".sweep"

_MOST_WORKERS = 256
_ADDRESS = re.compile(r"[a-z]+://\S+")
_ROUNDS = 3  # of blocks that were there and then were not


def sweep(
    model: Model,
    analysis: Choice,
    prompts: PromptChoice,
    *,
    parameters: Parameters = None,
    path: OptionalPath = None,
    task: Choice = "ioi",
    seed: WholeNumber = 0,
    templates: TemplateChoice = "mixed",
    corruption: Choice = "s2_flip",
    prepend_bos: Flag = True,
    block: WholeNumber = BLOCK,
    workers: WholeNumber = 0,
    threads: WholeNumber = 1,
    scheduler: OptionalChoice = None,
    progress: Progress | None = None,
) -> SweepResult:
    """Run an analysis over very many prompts, a block at a time: as all prompts at once, in the memory of one block.

    Args:
        analysis: the function or its name; its values are a mean over prompts of what does not depend on other
            prompts. Of a result with more than `values`, such as the MLPs of `patch_paths`, the values are kept.
        prompts: how many to generate as `ioi_dataset` or `task_dataset` do, or pairs, as from `read_pairs`.
        parameters: of the analysis, name -> value; {"site": "z"} for `patch_activations`.
        path: where the result is kept, a name that ends in ".sweep". Finished blocks lie in the folder `path`.blocks
            until then, and a sweep that was stopped, or whose process died, goes on from them. None: nothing is kept.
        task, seed, templates, corruption, prepend_bos: of generated prompts; task is "ioi" or one of `TASKS`.
        block: prompts a block; changes no result.
        workers: processes on this machine, each with the model and `threads` threads; 0 computes in this one.
        scheduler: address of a Dask scheduler whose workers compute instead, "tcp://host:8786".
        progress: called with (prompts done, all prompts) after each block.
    Returns:
        Means with standard errors, and each label's or template's means.
    Raises:
        IOIError: an argument that cannot be used, workers that die or cannot be reached; finished blocks are kept.
    """
    check_model(model)
    block = as_whole_number(block, "block, the number of prompts a block,", 1, 100_000)
    workers = as_whole_number(workers, "workers", 0, _MOST_WORKERS)
    threads = as_whole_number(threads, "threads", 1, _MOST_WORKERS)
    if scheduler is not None and not (isinstance(scheduler, str) and _ADDRESS.fullmatch(scheduler)):
        raise ChoiceError(f"scheduler is an address such as tcp://host:8786, got {shown(scheduler)}")
    if progress is not None and not callable(progress):
        raise ChoiceError(f"progress must be a function of (done, total), got {shown(progress)}")
    generate = {"task": task, "seed": seed, "templates": templates, "corruption": corruption}
    source = source_of(model, prompts, generate | {"prepend_bos": prepend_bos})
    asked = request(model, analysis, parameters, source)

    def result_in(folder: Path) -> SweepResult:
        return Sweep(model, asked, source, folder, block, workers, threads, scheduler, progress).result()

    if path is None:
        with tempfile.TemporaryDirectory(prefix="ioi-sweep-") as folder:
            return result_in(Path(folder))
    return _kept(_target(path), result_in)


@dataclass(eq=False)
class Sweep:
    """One sweep on its way; `folder` holds its finished blocks."""

    model: Model
    request: Request
    source: Source
    folder: Path
    block: int
    workers: int
    threads: int
    scheduler: str | None
    progress: Progress | None
    _keys: dict[int, tuple[str, int]] = field(default_factory=dict)
    _done: int = 0
    _passed: int = 0  # what was kept: counted where jobs are taken, which may be another thread

    def result(self) -> SweepResult:
        """Compute what is not kept yet and join all blocks in their order."""
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise IOIError(f"the folder {shown(str(self.folder))} cannot be made: {type(error).__name__}") from error
        for _ in range(_ROUNDS):
            self._done = self._passed = 0
            with closing(self._finished()) as finished:
                for job, data in finished:
                    self._keep(job, data)
                    self._done += len(job.pairs)
                    self._tell()
            try:
                joined = self._joined()
            except DamagedFileError:
                continue
            self._done, self._passed = self.source.n, 0
            self._tell()
            return self._as_result(joined)
        raise IOIError(
            f"blocks in {shown(str(self.folder))} are damaged again and again: does another process write there?"
        )

    def _finished(self) -> Generator[tuple[Job, bytes], None, None]:
        """Yield jobs as they are finished; those kept from an earlier run are passed over."""
        jobs = self._jobs()
        if self.scheduler is not None:
            return on_cluster(jobs, self.scheduler, self.model.numerics)
        if self.workers and self.source.n > self.block:  # a single block is done before a worker has begun
            return in_processes(jobs, self.workers, self.threads)
        return ((job, computed(self.model, job, self._within)) for job in jobs)

    def _jobs(self) -> Iterator[Job]:
        weights = Weights.of(self.model)
        for index, pairs in enumerate(self.source.blocks(self.block)):
            job = Job.of(index, self.request, weights, pairs, self.source.groups(pairs))
            self._keys[index] = job.key, len(pairs)
            try:
                read_block(read(self._path(index)), job.key, len(pairs))
            except DamagedFileError:
                yield job
            else:
                self._passed += len(pairs)

    def _keep(self, job: Job, data: bytes) -> None:
        """Keep what came back, after a look at it: it may be another machine's."""
        try:
            read_block(data, job.key, len(job.pairs))
            write(self._path(job.index), data)
        except DamagedFileError as error:
            raise IOIError(f"what came back for block {job.index + 1} is not its result: {error}") from error
        except OSError as error:
            raise IOIError(
                f"block {job.index + 1} cannot be written to {shown(str(self.folder))}: {type(error).__name__}; make "
                "room and start again: finished blocks are kept"
            ) from error

    def _path(self, index: int) -> Path:
        return self.folder / f"{index:06d}.block"

    def _tell(self) -> None:
        if self.progress:
            self.progress(self._done + self._passed, self.source.n)

    def _within(self, _done: int, _total: int) -> None:
        """A chance to cancel within a block that is computed here."""
        self._tell()

    def _joined(self) -> Block:
        """Join the blocks in order, one at a time in memory, so that who finished first changes nothing."""
        blocks = (read_block(read(self._path(index)), *self._keys[index]) for index in sorted(self._keys))
        joined = next(blocks)
        for each in blocks:
            joined = joined.merged(each)
        return joined

    def _as_result(self, joined: Block) -> SweepResult:
        asked, moments = self.request, joined.moments
        estimates = moments.on_scale(asked.scale)
        shape = tuple(map(len, joined.axes.values()))
        groups = sorted(
            moments.groups, key=lambda name: (not name.isdecimal(), int(name) if name.isdecimal() else 0, name)
        )
        of_groups = np.array([estimates.groups[name] for name in groups]).reshape(len(groups), *shape)
        clean, corrupted = map(float, moments.means.runs) if len(moments.means.runs) else (None, None)
        return SweepResult(
            values=estimates.values.reshape(shape),
            axes=joined.axes,
            metric=asked.metric or joined.metric,
            unit=asked.unit or joined.unit,
            n_prompts=moments.means.n,
            undefined=estimates.undefined or (joined.undefined if asked.scale is None else _of_cells(joined)),
            standard_error=estimates.errors.reshape(shape),
            analysis=asked.analysis,
            parameters=plain({**asked.parameters} | ({"metric": asked.metric} if "metric" in asked.parameters else {})),
            prompts=plain(self.source.told),
            model=self.model.name,
            fingerprint=self.model.fingerprint,
            numerics=self.model.numerics,
            group_axis=self.source.group_axis,
            groups=tuple(groups),
            group_sizes=np.array([moments.groups[name].n for name in groups], dtype=np.int64),
            group_values=of_groups,
            clean=clean if clean is None else finite(clean),
            corrupted=corrupted if corrupted is None else finite(corrupted),
        )


def _of_cells(joined: Block) -> str | None:
    """Return why some cells have no value; blocks are asked for the raw metric, which always has a scale."""
    return joined.undefined if np.isnan(joined.moments.means.cells).any() else None


def _kept(target: Path, result_in: Callable[[Path], SweepResult]) -> SweepResult:
    """Return the result, once it is in its file; its blocks lie in a folder beside it until then."""
    folder = target.with_name(f"{target.name}.blocks")
    result = result_in(folder)
    try:
        write_sweep(target, result)
    except OSError as error:
        raise IOIError(
            f"{shown(target.name)} cannot be written: {type(error).__name__}; finished blocks are kept"
        ) from error
    shutil.rmtree(folder, ignore_errors=True)
    return result


def _target(path: FilePath) -> Path:
    """Return where the result goes; nothing that lies there is written over.

    Raises:
        IOIError: another ending, something lies there, or there is no such folder.
    """
    try:
        target = Path(path).absolute()
        there, folder = target.exists(), target.parent.is_dir()
    except (OSError, TypeError, ValueError) as error:
        raise IOIError(f"the path {shown(path)} cannot be used: {type(error).__name__}") from error
    if target.suffix != SUFFIX:
        raise IOIError(f"{shown(target.name)} is no name of a sweep: give one that ends in {SUFFIX}")
    if there:
        raise IOIError(f"{shown(target.name)} is there already: read it with read_sweep, or choose another path")
    if not folder:
        raise IOIError(f"there is no folder {shown(str(target.parent))}: make it first")
    return target
