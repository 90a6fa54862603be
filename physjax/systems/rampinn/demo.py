def demo(folder, **options): raise SystemExit
