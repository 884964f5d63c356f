"""The verbs, by subject. Each module only declares them: what does the work is imported when a verb is called."""
