"""Spoken narration: text in, speech on the `narration` track and captions out."""
