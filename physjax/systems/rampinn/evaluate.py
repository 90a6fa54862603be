def evaluate(config, model, *, data): raise SystemExit
