# kit: updated by the template
