"""The published video generator Wan2.1-T2V as a teacher, through the diffusers library.

A frame is packed into latents z0 by the generator's own encoder, mixed with noise, z = (1 - t) z0 + t e, and shown once
to its transformer with the embedding of an empty prompt. The hidden state after a chosen block is what the student
learns; the blocks after it, the decoder and the text encoder are never run. Published place: layer 21, noise 0.3
(VEGA-3D, 2026). The weights are the user's to get; docs/distil-wan.md says how.

    python -m train.wan --weights DIR --prompt       once: writes the empty prompt's embedding beside the weights
    python -m train.wan --weights DIR --check        loads everything, runs one clip, prints shape, time and memory
    python -m train.wan --cost                       parameters and operations of the 1.3 B model; needs no weights
"""

import argparse
import pathlib
import sys
import time

import torch
import torch.nn.functional as F

PROMPT = "empty_prompt.safetensors"  # beside the weights
PROMPT_TOKENS = 512  # what the transformer was trained with; those beyond the text are zero
TRAIN_STEPS = 1000  # the transformer counts noise levels 0..1 in so many steps
PUBLISHED = (21, 0.3)  # layer and noise level
SMALL = {  # the transformer of Wan2.1-T2V-1.3B
    "num_attention_heads": 12, "attention_head_dim": 128, "ffn_dim": 8960, "num_layers": 30, "text_dim": 4096,
    "in_channels": 16, "out_channels": 16, "freq_dim": 256, "patch_size": (1, 2, 2),
}


class Reached(Exception):
    """Ends a forward pass at the block whose output is wanted; holds that output [n,tokens,C]."""

    def __init__(self, hidden):
        super().__init__("the wanted block has run")
        self.hidden = hidden


def stop(_module, _inputs, output):
    """A forward hook: nothing after this block is computed."""
    raise Reached(output)


class Wan:
    """Frozen encoder and transformer; one instance serves one thread.

    `size` is what frames are resized to, (height, width) in pixels, both multiples of `step`. Take the shape of the
    frames: they are stretched, never cropped, so that tokens and frames stay the same grid.

    `per_frame` treats each frame as a film of its own. So does the code published with VEGA-3D: features then belong to
    one frame exactly and may be cached. Otherwise the clip goes through as one film and attention reaches across time,
    but four frames share one latent, and the frames are further apart in time than in films the generator knows.

    `chunk` is how many films run at once; it bounds memory and changes nothing else.
    """

    def __init__(self, vae, transformer, prompt, size=(480, 640), per_frame=True, chunk=8):
        self.vae, self.transformer = vae.eval().requires_grad_(False), transformer.eval().requires_grad_(False)
        self.prompt, self.size, self.per_frame, self.chunk = prompt, tuple(size), per_frame, chunk
        self.kept = None  # the frames of the last call and their latents
        config = transformer.config
        self.channels = config.num_attention_heads * config.attention_head_dim
        self.layers = len(transformer.blocks)
        self.name = f"wan-{self.layers}x{self.channels}" + ("" if per_frame else "-film")
        self.step = vae.config.scale_factor_spatial * config.patch_size[1]
        if size[0] % self.step or size[1] % self.step:
            raise ValueError(f"size {size[0]}x{size[1]}: height and width must be multiples of {self.step}")
        if prompt.shape[-1] != config.text_dim:
            raise ValueError(f"prompt embedding of width {prompt.shape[-1]}, the transformer takes {config.text_dim}: "
                             "write it again with --prompt from the same weights")
        stats = torch.tensor([vae.config.latents_mean, vae.config.latents_std])
        self.mean, self.std = stats.view(2, 1, vae.config.z_dim, 1, 1, 1)

    @classmethod
    def open(cls, folder, device=None, dtype=None, **options):
        """Loads the weights of a folder in the diffusers layout (vae/, transformer/); by default bfloat16 on a GPU.

        Nothing is downloaded. options are those of Wan.
        """
        folder, device = pathlib.Path(folder), torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        dtype = dtype or (torch.bfloat16 if device.type == "cuda" else torch.float32)
        need(folder, "vae/config.json", "transformer/config.json")
        if not (folder / PROMPT).is_file():
            raise FileNotFoundError(f"{folder / PROMPT} is missing: run train.wan --weights {folder} --prompt")
        from diffusers import AutoencoderKLWan, WanTransformer3DModel
        from safetensors.torch import load_file

        load = {"dtype": dtype, "local_files_only": True}
        vae = AutoencoderKLWan.from_pretrained(folder / "vae", **load)
        vae.decoder = None  # more than half of it, and never used
        transformer = WanTransformer3DModel.from_pretrained(folder / "transformer", **load)
        prompt = load_file(folder / PROMPT)["prompt"]
        return cls(vae, transformer, prompt, **options).to(device)

    def to(self, device):
        """Moves everything; returns itself."""
        self.kept = None
        self.vae, self.transformer = self.vae.to(device), self.transformer.to(device)
        self.prompt, self.mean, self.std = self.prompt.to(device), self.mean.to(device), self.std.to(device)
        return self

    @property
    def device(self):
        return self.prompt.device

    @torch.no_grad()
    def features(self, frames, layer, noise, generator=None):
        """Hidden states [B,T,C,h,w] after block `layer` (1 is the first) of frames [B,T,3,H,W] with values 0..1.

        noise is the level 0..1, its draws come from the generator; one draw a call, averaging is the caller's. h and w
        are `size` over `step`. The result is float32 on the model's device and depends on nothing but its arguments.
        """
        if not 1 <= layer <= self.layers:
            raise ValueError(f"layer {layer}: must lie in 1..{self.layers}")
        if not 0 <= noise <= 1:
            raise ValueError(f"noise {noise}: must lie in 0..1")
        b, t = frames.shape[:2]
        with torch.autocast(self.device.type, enabled=False):
            clean = self.clean(frames)
            mixed = (1 - noise) * clean + noise * self.draw(clean.shape, generator)
            hidden = torch.cat([self.hidden(part, layer, noise) for part in mixed.split(self.chunk)])
        if self.per_frame:
            return hidden.reshape(b, t, *hidden.shape[2:])
        return hidden[:, latent_of(t).to(hidden.device)]

    def clean(self, frames):
        """Latents without noise, kept for the next call with the same tensor: encoding costs as much as a pass."""
        seen = (frames, 0 if frames.is_inference() else frames._version)
        if self.kept is None or self.kept[0][0] is not frames or self.kept[0][1] != seen[1]:
            films = self.films(frames).split(self.chunk)
            self.kept = seen, torch.cat([self.latents(part) for part in films])
        return self.kept[1]

    def films(self, frames):
        """[B,T,3,H,W] in 0..1 to films [n,3,F,H,W] in -1..1 at the model's size: F = 1, or 4k+1 a clip.

        A clip is lengthened at its beginning, by a camera that stood still there: its end is the present.
        """
        b, t = frames.shape[:2]
        flat = frames.flatten(0, 1).to(self.device, torch.float32)
        if flat.shape[-2:] != self.size:
            flat = F.interpolate(flat, self.size, mode="bicubic", align_corners=False, antialias=True).clamp_(0, 1)
        flat = flat * 2 - 1
        if self.per_frame:
            return flat.unsqueeze(2)
        clip = flat.reshape(b, t, *flat.shape[1:])
        clip = torch.cat([clip[:, :1].expand(-1, missing(t), -1, -1, -1), clip], 1)
        return clip.transpose(1, 2)

    def latents(self, films):
        """Latents [n,Z,F',h,w] of unit variance, of films [n,3,F,H,W]."""
        z = self.vae.encode(films.to(self.vae.dtype)).latent_dist.mode().float()
        return (z - self.mean) / self.std

    def draw(self, shape, generator):
        """Standard normal noise, drawn where the generator lives."""
        where = generator.device if generator is not None else self.device
        return torch.randn(shape, generator=generator, device=where, dtype=torch.float32).to(self.device)

    def hidden(self, z, layer, noise):
        """[n,F',C,h,w] after block `layer` of noisy latents z [n,Z,F',H,W]."""
        dtype = self.transformer.patch_embedding.weight.dtype
        level = torch.full((len(z),), noise * TRAIN_STEPS, device=z.device)
        text = self.prompt.to(dtype).expand(len(z), -1, -1)
        hook = self.transformer.blocks[layer - 1].register_forward_hook(stop)
        try:
            self.transformer(z.to(dtype), timestep=level, encoder_hidden_states=text)
        except Reached as reached:
            tokens = reached.hidden.float()
        finally:
            hook.remove()
        p = self.transformer.config.patch_size
        grid = (z.shape[2] // p[0], z.shape[3] // p[1], z.shape[4] // p[2])
        return tokens.reshape(len(z), *grid, self.channels).permute(0, 1, 4, 2, 3)


def missing(frames):
    """Frames to add for a length of 4k+1, as the encoder packs them."""
    return (1 - frames) % 4


def latent_of(frames):
    """The latent that holds each frame of a lengthened clip: the first frame is alone, then four share one."""
    return (torch.arange(frames) + missing(frames) + 3) // 4


def need(folder, *names):
    """Says which file of the weights is missing, and what to do."""
    for name in names:
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder / name} is missing: --weights takes a folder in the diffusers layout, as "
                                    "docs/distil-wan.md describes it")


@torch.no_grad()
def write_prompt(folder):
    """Embeds the empty prompt by the text encoder of the folder (text_encoder/, tokenizer/) and writes it beside."""
    need(folder, "text_encoder/config.json", "tokenizer/tokenizer_config.json")
    from safetensors.torch import save_file
    from transformers import AutoTokenizer, UMT5EncoderModel

    tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
    encoder = UMT5EncoderModel.from_pretrained(folder / "text_encoder", dtype=torch.bfloat16, local_files_only=True)
    text = tokenizer([""], padding="max_length", max_length=PROMPT_TOKENS, truncation=True, return_tensors="pt")
    out = encoder.eval()(text.input_ids, text.attention_mask).last_hidden_state
    prompt = (out * text.attention_mask[..., None]).contiguous()
    save_file({"prompt": prompt}, folder / PROMPT)
    return prompt


def check(teacher, layer, noise):
    """One clip of eight grey frames with a gradient: the features' shape, the time and the memory they took."""
    ramp = torch.linspace(0.2, 0.8, 160).expand(1, 8, 3, 120, 160)
    generator = torch.Generator().manual_seed(1)
    teacher.features(ramp, layer, noise, generator)  # the first run sets the kernels up
    start = time.monotonic()
    out = teacher.features(ramp, layer, noise, generator)
    finite = bool(torch.isfinite(out).all())
    lines = [f"{teacher.name} on {teacher.device}: features {tuple(out.shape)}, {'finite' if finite else 'NOT FINITE'}",
             f"{time.monotonic() - start:.2f} s for a clip of 8 frames at {teacher.size[1]}x{teacher.size[0]}"]
    if teacher.device.type == "cuda":
        lines.append(f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB of GPU memory at the most")
    return finite, "\n".join(lines)


def cost(layer, size, per_frame):
    """What one frame costs with the 1.3 B model, counted on tensors without data."""
    from diffusers import AutoencoderKLWan, WanTransformer3DModel
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        vae, transformer = AutoencoderKLWan(), WanTransformer3DModel(**SMALL)
        prompt = torch.empty(1, PROMPT_TOKENS, SMALL["text_dim"])
    vae.decoder = None
    run = sum(p.numel() for p in transformer.blocks[:layer].parameters())
    teacher = Wan(vae, transformer, prompt, size, per_frame).to("meta")
    frames = 1 if per_frame else 9
    films = torch.empty(1, 3, frames, *size, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as encode:
        z = teacher.latents(films)
    with torch.no_grad(), FlopCounterMode(display=False) as denoise:
        tokens = teacher.hidden(z, layer, 0.3)
    whole = sum(p.numel() for p in transformer.parameters()) + sum(p.numel() for p in vae.parameters())
    each = [f.get_total_flops() / frames / 1e12 for f in (encode, denoise)]
    return "\n".join([
        f"{whole / 1e9:.2f} G parameters loaded ({whole * 2 / 2**30:.1f} GiB in bfloat16), {run / 1e9:.2f} G in the "
        f"{layer} blocks that run",
        f"a frame at {size[1]}x{size[0]}: {tokens[0, 0, 0].numel() * tokens.shape[1] / frames:.0f} tokens, encoder "
        f"{each[0]:.2f} + transformer {each[1]:.2f} = {sum(each):.2f} TFLOP",
    ])


def arguments(args):
    p = argparse.ArgumentParser(prog="python -m train.wan", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    what = p.add_mutually_exclusive_group(required=True)
    what.add_argument("--prompt", action="store_true", help="write the empty prompt's embedding")
    what.add_argument("--check", action="store_true", help="run the weights once on a made clip")
    what.add_argument("--cost", action="store_true", help="count parameters and operations without weights")
    p.add_argument("--weights", type=pathlib.Path, help="folder in the diffusers layout")
    p.add_argument("--layer", type=int, default=PUBLISHED[0], help="block whose output is taken, 1 is the first")
    p.add_argument("--noise", type=float, default=PUBLISHED[1], help="noise level 0..1")
    p.add_argument("--size", type=int, nargs=2, default=(480, 640), metavar=("HEIGHT", "WIDTH"), help="pixels")
    p.add_argument("--film", action="store_true", help="the clip as one film instead of each frame alone")
    p.add_argument("--device", help="cuda or cpu; a GPU when there is one")
    a = p.parse_args(args)
    if not a.cost and a.weights is None:
        p.error("--weights DIR is required")
    return a


def run(a):
    if a.cost:
        print(cost(a.layer, tuple(a.size), not a.film))
        return 0
    if a.prompt:
        print(f"wrote {a.weights / PROMPT}, shape {tuple(write_prompt(a.weights).shape)}")
        return 0
    finite, text = check(Wan.open(a.weights, a.device, size=a.size, per_frame=not a.film), a.layer, a.noise)
    print(text)
    return 0 if finite else 1


def main(args=None):
    a = arguments(args)
    try:
        return run(a)
    except ImportError as e:
        print(f"wan: {e}: install models/train/requirements-wan.txt", file=sys.stderr)
    except (OSError, ValueError) as e:
        print(f"wan: {e}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
