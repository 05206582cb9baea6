"""A participant that hears the operator and acts: speech to the control API. To build on.

operator's microphone ─▶ the session's virtual microphone ─▶ recognizer ─▶ grammar ─▶ client
                                                              answers ─▶ narration
"""
