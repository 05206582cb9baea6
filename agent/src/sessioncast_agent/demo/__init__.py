"""`sessioncast demo`: a whole session on one machine, every part a child process.

`command` parses the options, `launcher` composes the parts, `process` supervises one child,
`reaper` sees that nothing outlives the demo; the rest say what each part is.
"""
