"""Hyperparameter search in scikit-learn's form; the one file of the library that imports it."""

from typing import Any

import numpy as np

try:
    from sklearn.model_selection import RandomizedSearchCV
    from sklearn.utils import check_random_state
except ImportError as error:
    raise ImportError(
        "DiffEvoSearchCV: needs scikit-learn: pip install 'diffevo-jax[sklearn]'"
    ) from error

from diffevo.optimizer import Optimizer
from diffevo.space import SearchSpace


class DiffEvoSearchCV(RandomizedSearchCV):
    """`RandomizedSearchCV` with a search in the place of random draws.

    All else is as there: ``fit``, ``predict``, ``score``, ``best_params_``, ``best_score_``,
    ``cv_results_``, and ``n_jobs``, which evaluates a generation side by side. A failed fit is a
    failed member, unless ``error_score="raise"``.

    Args:
        estimator: what is tuned.
        param_distributions: what `diffevo.SearchSpace` takes, a dict by the parameters' names.
        n_iter: candidates, >= 2; whole generations only, so somewhat fewer may be tried.
        population_size: N; None: what the algorithm does best with.
        algorithm: a registered name, or "auto".
        scoring: as there; if there are several, ``refit`` names the one that is searched by.
        n_jobs: as there, as are the following.
        refit: likewise.
        cv: likewise; a random splitter splits each generation anew unless its seed is fixed.
        verbose: likewise.
        pre_dispatch: likewise.
        random_state: likewise; seeds the search.
        error_score: likewise.
        return_train_score: likewise.

    Raises:
        ValueError: in ``fit``: an argument does not fit.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.neighbors import KNeighborsClassifier
        >>> import diffevo
        >>> from diffevo.integrations.sklearn import DiffEvoSearchCV
        >>> space = {"n_neighbors": diffevo.Integer(1, 60), "p": diffevo.Real(1.0, 4.0)}
        >>> tuned = DiffEvoSearchCV(KNeighborsClassifier(), space, n_iter=12, random_state=0)
        >>> bool(tuned.fit(*load_iris(return_X_y=True)).best_score_ > 0.96)
        True
    """

    def __init__(
        self,
        estimator: Any,
        param_distributions: dict[str, Any],
        *,
        n_iter: int = 64,
        population_size: int | None = None,
        algorithm: str = "auto",
        scoring: Any = None,
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
    ):
        super().__init__(
            estimator,
            param_distributions,
            n_iter=n_iter,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            random_state=random_state,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.population_size = population_size
        self.algorithm = algorithm

    def _run_search(self, evaluate_candidates: Any, *, callback_ctx: Any = None) -> None:
        """Scikit-learn's hook for a search: evaluate candidates until there is no budget."""
        if not isinstance(self.param_distributions, dict):
            raise ValueError(
                f"param_distributions: expected a dict, got {self.param_distributions!r:.80}"
            )
        optimizer = Optimizer(
            space=SearchSpace(self.param_distributions),
            budget=self.n_iter,
            population_size=self.population_size,
            algorithm=self.algorithm,
            seed=int(check_random_state(self.random_state).randint(2**31 - 1)),
            maximize=True,
        )
        while not optimizer.stop():
            candidates = optimizer.ask()
            results = evaluate_candidates(candidates)
            name = f"mean_test_{self.refit if isinstance(self.refit, str) else 'score'}"
            if name not in results:
                raise ValueError(
                    f"refit: expected the name of the score to search by, got {self.refit!r}"
                )
            optimizer.tell(candidates, results[name][-len(candidates) :].tolist())
