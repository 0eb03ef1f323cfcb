"""What a release wants of its databases: generated, proven and measured migrations."""
