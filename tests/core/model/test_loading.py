"""Loading: every way a model can be absent or wrong gives a clear `ModelUnavailableError`, quickly."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import GPT2LMHeadModel, GPT2TokenizerFast

from ioi_core import DEMO_MODEL_DIR, Head, HeadError, Model, ModelUnavailableError, load_model, run
from tests import ROOT
from tests.core.model.folders import edit_config
from tests.models.random_gpt2 import save_random_gpt2
from tests.models.random_pairs import random_pairs


def test_weights_are_transformer_lens_processed_ones(small_model: Model, small_bridge) -> None:
    weights = small_model.weights
    for layer, block in zip(weights.layers, small_bridge.blocks, strict=True):
        heads = layer.W_QKV.unflatten(1, (3, 4, 16)).permute(1, 2, 0, 3)
        for ours, theirs in zip(heads, (block.attn.W_Q, block.attn.W_K, block.attn.W_V), strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)
        torch.testing.assert_close(layer.W_O.unflatten(0, (4, 16)), block.attn.W_O, atol=1e-6, rtol=0)
        torch.testing.assert_close(layer.b_O, block.attn.b_O, atol=1e-6, rtol=0)
        torch.testing.assert_close(layer.W_in, block.mlp.W_in, atol=1e-6, rtol=0)
    torch.testing.assert_close(weights.W_U, small_bridge.W_U, atol=1e-6, rtol=0)
    torch.testing.assert_close(weights.b_U, small_bridge.b_U, atol=1e-6, rtol=0)


def test_unfolded_value_bias_is_what_went_into_the_output_bias(small_model: Model, small_gpt2: GPT2LMHeadModel) -> None:
    """b_O (centred) = stored b_O + sum over heads of b_V W_O: the two halves must fit."""
    for layer, block in zip(small_model.weights.layers, small_gpt2.transformer.h, strict=True):
        stored = block.attn.c_proj.bias - block.attn.c_proj.bias.mean()
        folded = stored + layer.b_V_unfolded.flatten() @ layer.W_O
        torch.testing.assert_close(layer.b_O, folded.detach(), atol=1e-5, rtol=0)
        assert layer.b_V_unfolded.abs().max() > 0.01


def test_weights_never_require_gradients_but_allow_them(small_model: Model) -> None:
    """Made outside inference mode: the estimate differentiates through them."""
    tensor = small_model.weights.layers[0].W_O
    assert not tensor.requires_grad
    assert not tensor.is_inference()


@pytest.mark.parametrize("changes", [{"tie_word_embeddings": False}, {"n_inner": 100}, {"layer_norm_epsilon": 1e-3}])
def test_other_gpt2_architectures_load_exactly(tmp_path: Path, changes: dict[str, object]) -> None:
    folder = save_random_gpt2(tmp_path, 2, 32, 2, **changes)
    pairs = random_pairs([9, 6])
    with torch.no_grad():
        theirs = GPT2LMHeadModel.from_pretrained(folder)(torch.tensor(pairs.clean_tokens)).logits
    theirs = theirs[torch.arange(2), torch.tensor(pairs.roles["END"])].log_softmax(-1)
    ours = run(load_model(str(folder)), pairs.clean_tokens, pairs.roles["END"])
    np.testing.assert_allclose(torch.tensor(ours).log_softmax(-1), theirs, atol=1e-4)


def test_pytorch_bin_gives_the_same_model(folder: Path, small_model: Model) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    model = load_model(str(folder))
    assert model.fingerprint == small_model.fingerprint
    torch.testing.assert_close(model.weights.W_U, small_model.weights.W_U, atol=0, rtol=0)


def test_tokenizer_json_alone_will_do(folder: Path) -> None:
    GPT2TokenizerFast.from_pretrained(folder).save_pretrained(folder)
    for name in ("vocab.json", "merges.txt"):
        (folder / name).unlink(missing_ok=True)
    model = load_model(str(folder))
    assert model.encode(" Mary") == [5335]
    assert model.encode("<|endoftext|>") == [27, 91, 437, 1659, 5239, 91, 29]  # a visitor's text, no control token
    assert model.token_text(5335) == " Mary"


def test_fingerprint_tells_weights_and_shapes_apart(folder: Path, small_model: Model) -> None:
    assert load_model(str(folder)).fingerprint == small_model.fingerprint
    edit_config(folder, n_head=2)
    assert load_model(str(folder)).fingerprint != small_model.fingerprint
    edit_config(folder, n_head=4)
    tensors = load_file(folder / "model.safetensors")
    tensors["transformer.ln_f.bias"][0] += 1e-6
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    assert load_model(str(folder)).fingerprint != small_model.fingerprint


def test_float64_is_processed_in_float64(small_folder: Path, small_model: Model) -> None:
    exact = load_model(str(small_folder), dtype="float64")
    pairs = random_pairs([12, 7])
    ours = run(small_model, pairs.clean_tokens, pairs.roles["END"])
    np.testing.assert_allclose(ours, run(exact, pairs.clean_tokens, pairs.roles["END"]), atol=1e-4)
    assert exact.weights.W_U.dtype is torch.float64


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def drop_tensor(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors["transformer.h.2.mlp.c_fc.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def spoil_tensor(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["transformer.h.2.mlp.c_fc.weight"][0, 0] = float("nan")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def shrink_vocabulary(folder: Path) -> None:
    """A tokenizer that works but is another one."""
    vocabulary = json.loads((folder / "vocab.json").read_text())
    (folder / "vocab.json").write_text(json.dumps(dict(list(vocabulary.items())[:300])))
    (folder / "merges.txt").write_text("#version: 0.2\n")


def plant_pickle(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({"transformer.wte.weight": _Bomb()}, folder / "pytorch_model.bin")


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.mkdir, ("pickle-was-run",))


DAMAGE = {
    "no config": (lambda f: (f / "config.json").unlink(), "no config.json"),
    "config is no JSON": (lambda f: (f / "config.json").write_text("{"), "cannot be read as JSON"),
    "config is a list": (
        lambda f: (f / "config.json").write_text("[]"),
        "no JSON object with named fields, but a list",
    ),
    "other architecture": (lambda f: edit_config(f, model_type="llama"), "type 'llama'.*only the GPT-2"),
    "other activation": (lambda f: edit_config(f, activation_function="relu"), "activation_function = 'relu'"),
    "scaled by layer": (lambda f: edit_config(f, scale_attn_by_inverse_layer_idx=True), "scale_attn_by_inverse"),
    "other vocabulary": (lambda f: edit_config(f, vocab_size=100), "vocab_size = 100"),
    "more layers than weights": (lambda f: edit_config(f, n_layer=5), "not complete"),
    "fewer layers than weights": (lambda f: edit_config(f, n_layer=2), "which config.json does not name"),
    "negative heads": (lambda f: edit_config(f, n_head=-4), "n_head = -4"),
    "no layers": (lambda f: edit_config(f, n_layer=0), "n_layer = 0"),
    "negative epsilon": (lambda f: edit_config(f, layer_norm_epsilon=-1.0), "layer_norm_epsilon = -1.0"),
    "wider than weights": (lambda f: edit_config(f, n_embd=128), "weights of"),
    "heads do not divide": (lambda f: edit_config(f, n_head=3), "weights of"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "no weights"),
    "truncated weights": (lambda f: truncate(f / "model.safetensors"), "half a download: [0-9,]+ of [0-9,]+ bytes"),
    "empty weights": (lambda f: (f / "model.safetensors").write_bytes(b""), "is empty"),
    "a tensor is missing": (drop_tensor, "lack.*c_fc.*not complete"),
    "a weight is nan": (spoil_tensor, "nan in transformer.h.2"),
    "a pickle that runs code": (plant_pickle, "cannot be read"),
    "no tokenizer": (lambda f: (f / "merges.txt").unlink(), "no tokenizer"),
    "damaged tokenizer": (
        lambda f: truncate(f / "vocab.json"),
        "vocab.json cannot be read as JSON, it is half a download",
    ),
    "another tokenizer": (shrink_vocabulary, "is not GPT-2's tokenizer: vocab.json is '300 tokens'"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_folder(folder: Path, damage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil, message = DAMAGE[damage]
    monkeypatch.chdir(folder)
    spoil(folder)
    with pytest.raises(ModelUnavailableError, match=message):
        load_model(str(folder))
    assert not (folder / "pickle-was-run").exists()


def test_wrong_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("gpt5", "../ioi_core", "relative/folder", ""):
        with pytest.raises(ModelUnavailableError, match="is not known: use ioi-demo, gpt2-small"):
            load_model(name)
    with pytest.raises(ModelUnavailableError, match="not a folder"):
        load_model(str(tmp_path / "nowhere"))
    with pytest.raises(ModelUnavailableError, match="not a folder"):
        load_model("/" + "a" * 5000)
    with pytest.raises(ModelUnavailableError, match=r"float32, float64"):
        load_model("ioi-demo", dtype="int8")
    with pytest.raises(ModelUnavailableError, match="not mps"):
        load_model("ioi-demo", device="mps")
    with pytest.raises(ModelUnavailableError, match="cannot be used"):
        load_model("ioi-demo", device="toaster")
    monkeypatch.setenv("IOI_MODEL_DIR", "models/gpt2")
    with pytest.raises(ModelUnavailableError, match="IOI_MODEL_DIR is 'models/gpt2', which is relative"):
        load_model("gpt2-small")


def test_a_small_model_does_not_pass_for_gpt2_small(small_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOI_MODEL_DIR", str(small_folder))
    with pytest.raises(ModelUnavailableError, match=r"is not GPT-2 small.*n_layer 4"):
        load_model("gpt2-small")


@pytest.mark.slow
def test_a_gpt2_shaped_model_from_a_local_folder(gpt2_shaped_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IOI_MODEL_DIR", str(gpt2_shaped_folder))
    model = load_model("gpt2-small")
    assert (model.name, model.cfg.n_layers, model.cfg.d_head) == ("gpt2-small-shaped (other weights)", 12, 64)


def test_cuda_multiplies_in_full_float32() -> None:
    """Asked for where a CUDA device is wanted, before it is looked for; nothing more can be seen without one."""
    torch.set_float32_matmul_precision("medium")
    if torch.cuda.is_available():
        load_model("ioi-demo", device="cuda")
    else:
        with pytest.raises(ModelUnavailableError, match="finds no CUDA device"):
            load_model("ioi-demo", device="cuda")
    assert torch.get_float32_matmul_precision() == "highest"


def test_heads_are_checked(small_model: Model) -> None:
    assert small_model.check_head(Head.parse("3.3")) == Head(3, 3)
    for head in (Head(4, 0), Head(0, 4), Head(-1, 0)):
        with pytest.raises(HeadError, match=r"heads 0-3 in layers 0-3"):
            small_model.check_head(head)


MEMORY_SCRIPT = """
import resource, sys, psutil
from ioi_core import load_model
process = psutil.Process()
before = process.memory_info().rss
model = load_model(sys.argv[1])
print(process.memory_info().rss - before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


@pytest.mark.slow
def test_steady_memory_of_the_124m_model(gpt2_shaped_folder: Path) -> None:
    command = [sys.executable, "-c", MEMORY_SCRIPT, str(gpt2_shaped_folder)]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    steady, peak = map(int, output.split())
    print(f"steady {steady / 1e9:.2f} GB beyond imports, peak {peak / 1e9:.2f} GB in all")
    assert steady < 1.2e9


# --- the hub: each case in a process of its own, since its address and time-outs are read at import ---

HUB_SCRIPT = """
import sys
from ioi_core import ModelUnavailableError, load_model, run
assert "transformer_lens" not in sys.modules, "half of the time of importing ioi_core, which most processes do not need"
told = []
try:
    model = load_model("distilgpt2", progress=lambda done, total: told.append((done, total)))
    print("LOADED", model.cfg.n_layers, told[-1] if told else None)
except ModelUnavailableError as error:
    print("UNAVAILABLE", error)
"""


def load_from_hub(cache: Path, endpoint: str, **environment: str) -> str:
    variables = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "IOI_"))}
    variables |= {"HF_HOME": str(cache), "HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_XET": "1"} | environment
    command = [sys.executable, "-c", HUB_SCRIPT]
    result = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_hub_that_refuses(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    said = load_from_hub(tmp_path, f"http://127.0.0.1:{port}")
    assert said.startswith("UNAVAILABLE")
    assert "hub cannot be reached" in said
    assert "IOI_MODEL_DIR" in said, "the message says what to do"


def test_hub_that_never_answers_is_asked_once_and_waited_for_seconds(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)  # connections are accepted by the kernel, and nobody ever answers
        said = load_from_hub(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}")
        silent.setblocking(False)
        silent.accept()
        with pytest.raises(BlockingIOError):
            silent.accept()
    assert said.startswith("UNAVAILABLE")
    assert "did not answer in 6 s" in said or "timed out" in said


def test_offline_mode_asks_nobody(tmp_path: Path) -> None:
    said = load_from_hub(tmp_path, "http://127.0.0.1:1", HF_HUB_OFFLINE="1")
    assert "HF_HUB_OFFLINE is set" in said


LOG_IN = b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n<html>Please log in here</html>"


@pytest.mark.parametrize("answer", [b"", LOG_IN], ids=["hangs up", "log-in page"])
def test_hub_that_answers_once_and_then_wrongly(tmp_path: Path, answer: bytes) -> None:
    def serve(listening: socket.socket) -> None:
        first = True
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" if first else answer)
            first = False

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        said = load_from_hub(tmp_path, f"http://127.0.0.1:{listening.getsockname()[1]}")
    assert said.startswith("UNAVAILABLE"), said
    assert "could not be downloaded" in said


@pytest.fixture
def hub(small_folder: Path) -> Iterator[str]:  # noqa: C901 - one request handler
    """A hub on loopback that serves the small model under distilgpt2's name, as the real one would."""
    files = {path.name: path.read_bytes() for path in small_folder.iterdir()}

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, body: bool) -> None:
            path = self.path.split("?")[0]
            name = path.rsplit("/", 1)[-1]
            if path.startswith("/api/") and "/tree/" in path:
                listing = [{"type": "file", "path": n, "size": len(c), "oid": "0" * 40} for n, c in files.items()]
                self.reply(json.dumps(listing).encode(), body, "application/json")
            elif path.startswith("/api/"):
                siblings = [{"rfilename": n, "size": len(c)} for n, c in files.items()]
                info = {"id": "distilbert/distilgpt2", "sha": "a" * 40, "siblings": siblings}
                self.reply(json.dumps(info).encode(), body, "application/json")
            elif name in files:
                self.reply(files[name], body, "application/octet-stream")
            else:
                self.reply(b"", body, "text/plain", 200 if path == "/" else 404)

        def reply(self, content: bytes, body: bool, kind: str, status: int = 200) -> None:
            self.send_response(status)
            for key, value in {
                "Content-Type": kind,
                "Content-Length": str(len(content)),
                "ETag": f'"{hash(content) & 0xFFFFFFFF:08x}"',
                "X-Repo-Commit": "a" * 40,
            }.items():
                self.send_header(key, value)
            self.end_headers()
            if body:
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_download_with_progress_then_from_the_cache_without_a_hub(hub: str, tmp_path: Path) -> None:
    said = load_from_hub(tmp_path, hub)
    assert said.startswith("LOADED 4 ("), said
    done, total = (int(number) for number in said.split("(")[1].rstrip(")\n").split(","))
    assert done == total > 10_000_000
    assert load_from_hub(tmp_path, "http://127.0.0.1:1").startswith("LOADED 4 None")


def test_the_bundled_folder_is_a_plain_hugging_face_one() -> None:
    assert GPT2TokenizerFast.from_pretrained(DEMO_MODEL_DIR).encode(" Mary") == [5335]


def test_a_relative_folder_is_tried_and_a_known_name_wins(
    small_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small_folder.parent)
    assert load_model(small_folder.name).fingerprint == load_model(str(small_folder)).fingerprint
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ioi-demo").symlink_to(small_folder)
    assert load_model("ioi-demo").fingerprint == load_model(str(DEMO_MODEL_DIR)).fingerprint
    with pytest.raises(ModelUnavailableError, match="or the path of a folder"):
        load_model("no/such/folder")
