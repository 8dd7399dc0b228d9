"""The published generator as a teacher, with a tiny random model of the same classes. Needs requirements-wan.txt."""

import contextlib
import importlib.util
import io
import pathlib
import tempfile
import unittest

try:
    import torch
except ImportError as e:
    raise unittest.SkipTest("requirements-wan.txt is not installed") from e

from train import config, distil, wan

TEXT = 16  # width of the tiny prompt embedding
INSTALLED = importlib.util.find_spec("diffusers") is not None


def models(seed=0):
    """A tiny encoder and transformer with random weights; four blocks of 24 channels, 8-fold encoder."""
    from diffusers import AutoencoderKLWan, WanTransformer3DModel

    torch.manual_seed(seed)
    vae = AutoencoderKLWan(base_dim=4, z_dim=4, dim_mult=[1, 1, 2, 2], num_res_blocks=1,
                           latents_mean=[0.1, -0.2, 0.3, 0.0], latents_std=[0.5, 1.5, 1.0, 2.0])
    transformer = WanTransformer3DModel(num_attention_heads=2, attention_head_dim=12, in_channels=4, out_channels=4,
                                        text_dim=TEXT, freq_dim=16, ffn_dim=32, num_layers=4, rope_max_seq_len=64)
    return vae, transformer


def prompt():
    return torch.randn(1, 8, TEXT, generator=torch.Generator().manual_seed(5))


def clip(batch=2, frames=5, size=(30, 40)):
    return torch.rand(batch, frames, 3, *size, generator=torch.Generator().manual_seed(7))


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@unittest.skipUnless(INSTALLED, "requirements-wan.txt is not installed")
class WanTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.vae, cls.transformer = models()
        cls.teacher = wan.Wan(cls.vae, cls.transformer, prompt(), size=(48, 64))

    def film(self, **options):
        return wan.Wan(self.vae, self.transformer, prompt(), size=(48, 64), per_frame=False, **options)

    def test_features_have_a_frame_each_on_the_grid(self):
        out = self.teacher.features(clip(), 2, 0.3, seeded(1))
        self.assertEqual(out.shape, (2, 5, self.teacher.channels, 3, 4))
        self.assertEqual((self.teacher.channels, self.teacher.layers, self.teacher.name), (24, 4, "wan-4x24"))
        self.assertEqual(out.dtype, torch.float32)
        self.assertTrue(torch.isfinite(out).all())
        self.assertGreater(out.std().item(), 0)

    def test_the_generator_alone_decides_the_noise(self):
        one, same = (self.teacher.features(clip(), 2, 0.3, seeded(1)) for _ in range(2))
        other = self.teacher.features(clip(), 2, 0.3, seeded(2))
        self.assertTrue(torch.equal(one, same))
        self.assertGreater((one - other).abs().max().item(), 1e-3)

    def test_clean_input_needs_no_generator(self):
        one, same = (self.teacher.features(clip(), 2, 0.0, seeded(s)) for s in (1, 2))
        self.assertTrue(torch.equal(one, same))

    def test_chunks_change_nothing(self):
        whole = self.teacher.features(clip(), 3, 0.3, seeded(1))
        pieces = wan.Wan(self.vae, self.transformer, prompt(), size=(48, 64), chunk=3)
        torch.testing.assert_close(pieces.features(clip(), 3, 0.3, seeded(1)), whole, rtol=1e-4, atol=1e-5)

    def test_draws_of_one_clip_encode_it_once(self):
        calls, frames = [], clip()
        teacher = wan.Wan(self.vae, self.transformer, prompt(), size=(48, 64))
        hook = self.vae.encoder.register_forward_hook(lambda *_: calls.append(1))
        first = teacher.features(frames, 2, 0.3, seeded(1))
        each = len(calls)
        teacher.features(frames, 2, 0.3, seeded(2))
        self.assertEqual(len(calls), each)
        frames.mul_(0.5)  # the same tensor with other contents
        self.assertGreater((teacher.features(frames, 2, 0.3, seeded(1)) - first).abs().max().item(), 1e-3)
        teacher.features(frames.clone(), 2, 0.3, seeded(1))
        self.assertEqual(len(calls), 3 * each)
        hook.remove()

    def test_autocast_around_changes_nothing(self):
        want = self.teacher.features(clip(), 2, 0.3, seeded(1))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            self.assertTrue(torch.equal(self.teacher.features(clip(), 2, 0.3, seeded(1)), want))

    def test_early_stop_is_the_full_pass(self):
        """The hidden state is that of a whole forward pass, and no block after it has run."""
        seen, later = [], []
        z = torch.randn(2, 4, 1, 6, 8, generator=seeded(3))
        with torch.no_grad():
            hook = self.transformer.blocks[1].register_forward_hook(lambda m, i, out: seen.append(out))
            self.transformer(z, timestep=torch.full((2,), 300.0), encoder_hidden_states=prompt().expand(2, -1, -1))
            hook.remove()
            hook = self.transformer.blocks[2].register_forward_hook(lambda m, i, out: later.append(out))
            got = self.teacher.hidden(z, 2, 0.3)
            hook.remove()
        want = seen[0].reshape(2, 1, 3, 4, 24).permute(0, 1, 4, 2, 3)
        self.assertTrue(torch.equal(got, want))
        self.assertEqual(later, [])
        self.assertFalse(any(b._forward_hooks for b in self.transformer.blocks), "a hook was left behind")

    def test_mixing_follows_the_flow(self):
        """At level t the transformer sees (1-t) z0 + t e of the normalised latents, and is told 1000 t."""
        told = []
        listen = lambda module, args, named: told.append((args[0], named["timestep"]))
        hook = self.transformer.register_forward_pre_hook(listen, with_kwargs=True)
        self.teacher.features(clip(1, 2), 1, 0.3, seeded(1))
        hook.remove()
        films = self.teacher.films(clip(1, 2))
        with torch.no_grad():
            mode = self.vae.encode(films).latent_dist.mode()
        mean = torch.tensor([0.1, -0.2, 0.3, 0.0]).view(1, 4, 1, 1, 1)
        std = torch.tensor([0.5, 1.5, 1.0, 2.0]).view(1, 4, 1, 1, 1)
        e = torch.randn(mode.shape, generator=seeded(1))
        torch.testing.assert_close(told[0][0], 0.7 * (mode - mean) / std + 0.3 * e)
        torch.testing.assert_close(told[0][1], torch.full((2,), 300.0))

    def test_frames_alone_do_not_see_each_other(self):
        frames = clip(1, 4)
        changed = frames.clone()
        changed[:, 3] = 0.5
        one, two = (self.teacher.features(f, 4, 0.3, seeded(1)) for f in (frames, changed))
        torch.testing.assert_close(one[:, :3], two[:, :3])
        self.assertGreater((one[:, 3] - two[:, 3]).abs().max().item(), 1e-3)

    def test_a_film_has_a_frame_each_and_reaches_across_time(self):
        teacher, frames = self.film(), clip(1, 8)
        changed = frames.clone()
        changed[:, 7] = 0.5
        one, two = (teacher.features(f, 4, 0.3, seeded(1)) for f in (frames, changed))
        self.assertEqual(one.shape, (1, 8, 24, 3, 4))
        self.assertGreater((one[:, 0] - two[:, 0]).abs().max().item(), 1e-6)
        self.assertEqual(teacher.name, "wan-4x24-film")

    def test_each_frame_gets_the_latent_that_holds_it(self):
        self.assertEqual(wan.latent_of(9).tolist(), [0, 1, 1, 1, 1, 2, 2, 2, 2])
        self.assertEqual(wan.latent_of(8).tolist(), [1, 1, 1, 1, 2, 2, 2, 2])
        self.assertEqual(wan.latent_of(4).tolist(), [1, 1, 1, 1])
        self.assertEqual(wan.latent_of(1).tolist(), [0])
        for frames in range(1, 14):
            films = self.film().films(clip(1, frames))
            self.assertEqual(films.shape[2] % 4, 1)
            self.assertEqual(wan.latent_of(frames)[-1].item(), self.film().latents(films).shape[2] - 1)

    def test_frames_are_resized_and_scaled(self):
        films = self.teacher.films(torch.ones(1, 1, 3, 12, 16))
        self.assertEqual(films.shape, (1, 3, 1, 48, 64))
        torch.testing.assert_close(films, torch.ones_like(films))

    def test_the_student_takes_it_as_its_teacher(self):
        lesson = distil.Lesson(config.SMOKE, self.teacher, (2, 0.3), draws=2)
        told, again = (lesson.told(clip(2, 4, (120, 160)), step=3) for _ in range(2))
        self.assertEqual(told.shape, (2, 24, *config.SMOKE.grid))
        self.assertTrue(torch.equal(told, again))

    def test_nonsense_is_refused(self):
        for layer, noise, word in ((0, 0.3, "layer 0"), (5, 0.3, "1..4"), (1, 1.5, "noise 1.5")):
            with self.assertRaisesRegex(ValueError, word):
                self.teacher.features(clip(), layer, noise)
        with self.assertRaisesRegex(ValueError, "multiples of 16"):
            wan.Wan(self.vae, self.transformer, prompt(), size=(50, 64))
        with self.assertRaisesRegex(ValueError, "--prompt"):
            wan.Wan(self.vae, self.transformer, torch.zeros(1, 8, TEXT + 1), size=(48, 64))


@unittest.skipUnless(INSTALLED, "requirements-wan.txt is not installed")
class WeightsTest(unittest.TestCase):
    def setUp(self):
        temp = tempfile.TemporaryDirectory()
        self.addCleanup(temp.cleanup)
        self.folder = pathlib.Path(temp.name)

    def save(self):
        from safetensors.torch import save_file

        vae, transformer = models()
        vae.save_pretrained(self.folder / "vae")
        transformer.save_pretrained(self.folder / "transformer")
        save_file({"prompt": prompt()}, self.folder / wan.PROMPT)
        return vae, transformer

    def test_saved_weights_open_as_the_same_teacher(self):
        vae, transformer = self.save()
        want = wan.Wan(vae, transformer, prompt(), size=(48, 64)).features(clip(), 3, 0.3, seeded(1))
        opened = wan.Wan.open(self.folder, "cpu", size=(48, 64))
        self.assertIsNone(opened.vae.decoder)
        torch.testing.assert_close(opened.features(clip(), 3, 0.3, seeded(1)), want)

    def test_half_precision_says_nearly_the_same(self):
        self.save()
        exact, half = (wan.Wan.open(self.folder, "cpu", dtype, size=(48, 64)) for dtype in (None, torch.bfloat16))
        self.assertEqual(half.transformer.patch_embedding.weight.dtype, torch.bfloat16)
        want, got = (t.features(clip(), 3, 0.3, seeded(1)) for t in (exact, half))
        self.assertGreater(torch.nn.functional.cosine_similarity(want, got, dim=2).min().item(), 0.98)
        self.assertEqual(got.dtype, torch.float32)

    def test_check_runs_what_it_opened(self):
        self.save()
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = wan.main(["--weights", str(self.folder), "--device", "cpu", "--check", "--layer", "2",
                             "--size", "48", "64"])
        self.assertEqual(code, 0)
        self.assertIn("features (1, 8, 24, 3, 4), finite", out.getvalue())

    def test_missing_files_say_what_to_do(self):
        with self.assertRaisesRegex(FileNotFoundError, "vae/config.json.*distil-wan.md"):
            wan.Wan.open(self.folder, "cpu")
        self.save()
        (self.folder / wan.PROMPT).unlink()
        with self.assertRaisesRegex(FileNotFoundError, "--prompt"):
            wan.Wan.open(self.folder, "cpu")
        with self.assertRaisesRegex(FileNotFoundError, "text_encoder"):
            wan.write_prompt(self.folder)
        err = io.StringIO()
        with contextlib.redirect_stderr(err):
            self.assertEqual(wan.main(["--weights", str(self.folder), "--prompt"]), 1)
        self.assertIn("text_encoder", err.getvalue())

    def test_prompt_is_the_encoders_text_and_zeros_after_it(self):
        from tokenizers import Tokenizer
        from tokenizers.models import Unigram
        from tokenizers.processors import TemplateProcessing
        from transformers import PreTrainedTokenizerFast, UMT5Config, UMT5EncoderModel

        words = Tokenizer(Unigram([("<pad>", 0.0), ("</s>", 0.0), ("a", -1.0)]))
        words.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
        PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="</s>").save_pretrained(
            self.folder / "tokenizer")
        torch.manual_seed(0)
        config = UMT5Config(vocab_size=3, d_model=TEXT, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
        UMT5EncoderModel(config).save_pretrained(self.folder / "text_encoder")
        wan.write_prompt(self.folder)
        self.save_models_only()
        made = wan.Wan.open(self.folder, "cpu", size=(48, 64)).prompt
        self.assertEqual(made.shape, (1, wan.PROMPT_TOKENS, TEXT))
        self.assertGreater(made[0, 0].abs().sum().item(), 0)
        self.assertEqual(made[0, 1:].abs().sum().item(), 0)

    def save_models_only(self):
        vae, transformer = models()
        vae.save_pretrained(self.folder / "vae")
        transformer.save_pretrained(self.folder / "transformer")


@unittest.skipUnless(INSTALLED, "requirements-wan.txt is not installed")
class CostTest(unittest.TestCase):
    def test_the_real_model_counted_without_weights(self):
        text = wan.cost(21, (480, 832), True)
        self.assertIn("1560 tokens", text)
        self.assertIn("transformer 3.26", text)


class CommandTest(unittest.TestCase):
    def test_weights_are_asked_for(self):
        with contextlib.redirect_stderr(io.StringIO()) as err, self.assertRaises(SystemExit):
            wan.main(["--check"])
        self.assertIn("--weights DIR is required", err.getvalue())


if __name__ == "__main__":
    unittest.main()
