"""Running the model: plain, recorded, and with parts of it replaced.

Words: a *trace* is a run's recorded activations. A *cell* is one patched run, named for the cell of a heatmap; it
*begins* in the first layer where it can differ from the base run, and a *group* holds cells that begin at one position
in prompts with one END. A *variant* is one run of a circuit, or of the model without some heads; its *kept positions*
are where it keeps heads at all, and a *stream* is the residual stream at one of them. *Blocks* cut prompts by what is
recorded of them, *group chunks* cut cells by what they hold at once, *row chunks* cut plain runs by tokens.
"""
