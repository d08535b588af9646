"""Results for other programs: tables, marl-eval and MLflow."""
