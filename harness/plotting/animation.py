"""Turns a recorded episode into a picture or an animation; how it looks is up to its scenario."""

from collections.abc import Iterable, Sequence
from io import BytesIO

import matplotlib.style
import numpy as np
from jaxtyping import UInt8
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from scenarios.pictures import Episode, Picture

HEADING = 0.5  # height of the heading [inch]
MOST_FRAMES = 121  # of an animation: longer episodes show every second step, or third ...
COLORS = 128  # of an animation
LAST_FRAME_S = 2.0  # how long the end stays before an animation starts over
_DPI = {"png": 150, "gif": 100}
_SETTINGS = {"text.parse_math": False, "font.size": 9.0, "path.simplify": False}

Pixels = UInt8[np.ndarray, "height width 4"]


def steps_shown(episode: Episode) -> Sequence[int]:
    """Return the steps of an animation: the whole episode, evenly, its end included."""
    every = -(-len(episode.frames) // MOST_FRAMES)
    return [*range(0, episode.n_steps, every), episode.n_steps]


def png(picture: Picture, episode: Episode, title: str, t: int) -> bytes:
    """Draw step t as PNG."""
    file = BytesIO()
    Image.fromarray(_drawn(picture, episode, title, t, "png")).save(file, "png", optimize=True)
    return file.getvalue()


def gif(picture: Picture, episode: Episode, title: str, steps: Iterable[int], fps: float) -> bytes:
    """Draw steps as an animated GIF that starts over without end."""
    frames = [Image.fromarray(_drawn(picture, episode, title, t, "gif")[:, :, :3]) for t in steps]
    few = [frames[i] for i in np.linspace(0, len(frames) - 1, 4).astype(int)]
    colors = np.concatenate([np.asarray(frame) for frame in few])
    palette = Image.fromarray(colors).quantize(COLORS, method=Image.Quantize.FASTOCTREE)
    frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    durations = [round(1000 / fps)] * (len(frames) - 1) + [round(1000 * LAST_FRAME_S)]
    file = BytesIO()
    frames[0].save(
        file, "gif", save_all=True, append_images=frames[1:], duration=durations, loop=0,
        optimize=True,
    )  # fmt: skip
    return file.getvalue()


def _drawn(picture: Picture, episode: Episode, title: str, t: int, kind: str) -> Pixels:
    with matplotlib.style.context(["default", _SETTINGS]):
        width, height = picture.size(episode)
        figure = Figure(figsize=(width, height + HEADING), dpi=_DPI[kind])
        canvas = FigureCanvasAgg(figure)
        rows = figure.add_gridspec(
            2, 1, height_ratios=(HEADING, height), left=0, right=1, bottom=0, top=1, hspace=0
        )
        heading, body = figure.add_subfigure(rows[0]), figure.add_subfigure(rows[1])
        reward = float(episode.reward(t).mean())
        state = f"step {t} of {episode.n_steps}   reward so far {reward:+.2f} per agent"
        letters = min(10.0, 110 * width / len(title))  # long names are written small
        heading.text(0.02, 0.62, title, fontsize=letters, weight="bold", va="center")
        heading.text(0.02, 0.18, state, fontsize=9, va="center")
        picture.draw(body, episode, t)
        canvas.draw()  # type: ignore[no-untyped-call]
        return np.array(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
