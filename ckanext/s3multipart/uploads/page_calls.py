"""What a form on one of our pages does: calls an action, and says how it went on the page that follows."""

from collections.abc import Callable
from typing import Any

import ckan.plugins.toolkit as tk
from markupsafe import escape

from ckanext.s3multipart.csrf import require_csrf_token
from ckanext.s3multipart.wording import sentence
from s3portal.transfer import TransferError


def call_and_say(action: str, said: Callable[[], str], **asked: str) -> bool:
    """Calls the action for whoever sent the form, and flashes what it did or why not; returns whether it
    did."""
    try:
        require_csrf_token()
        tk.get_action(action)(caller_context(), asked)
    except TransferError as refusal:
        tk.h.flash_error(sentence(refusal))
    except tk.ValidationError as error:
        tk.h.flash_error(" ".join(error.error_dict.get("message", ())) or _summary(error))
    except (tk.NotAuthorized, tk.ObjectNotFound) as error:
        tk.h.flash_error(str(error))
    else:
        tk.h.flash_success(said())
        return True
    return False


def caller_context() -> dict[str, Any]:
    """Who asks, as actions want to know it."""
    return {"user": tk.current_user.name, "auth_user_obj": tk.current_user}


def in_a_question(text: str) -> str:
    """CKAN's module ``confirm-action`` writes its question into the page as HTML since 2.12, and as text
    before."""
    return str(escape(text)) if tk.check_ckan_version(min_version="2.12") else text


def _summary(error: tk.ValidationError) -> str:
    """A dataset that cannot be saved as it is: CKAN's own words, by field."""
    return "; ".join(f"{field}: {problem}" for field, problem in error.error_summary.items())
